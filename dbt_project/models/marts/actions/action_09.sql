{{ action_mart(9) }}
