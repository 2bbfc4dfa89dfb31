{{ action_mart(32) }}
