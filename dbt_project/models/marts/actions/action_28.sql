{{ action_mart(28) }}
