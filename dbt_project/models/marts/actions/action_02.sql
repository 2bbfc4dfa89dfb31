{{ action_mart(2) }}
