{{ action_mart(24) }}
