{{ action_mart(29) }}
