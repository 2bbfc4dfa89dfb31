{{ action_mart(21) }}
