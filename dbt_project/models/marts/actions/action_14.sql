{{ action_mart(14) }}
