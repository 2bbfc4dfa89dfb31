{{ action_mart(42) }}
