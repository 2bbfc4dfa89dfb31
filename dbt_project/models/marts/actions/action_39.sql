{{ action_mart(39) }}
