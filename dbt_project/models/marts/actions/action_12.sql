{{ action_mart(12) }}
