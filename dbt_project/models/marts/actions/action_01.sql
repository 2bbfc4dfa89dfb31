{{ action_mart(1) }}
