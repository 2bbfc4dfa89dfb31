{{ action_mart(20) }}
