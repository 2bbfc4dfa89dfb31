{{ action_mart(10) }}
