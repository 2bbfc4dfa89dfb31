{{ action_mart(36) }}
