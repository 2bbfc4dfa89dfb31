{{ action_mart(5) }}
