{{ action_mart(22) }}
