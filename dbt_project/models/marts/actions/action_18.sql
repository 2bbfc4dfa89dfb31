{{ action_mart(18) }}
