{{ action_mart(30) }}
