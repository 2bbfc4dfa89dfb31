{{ action_mart(16) }}
