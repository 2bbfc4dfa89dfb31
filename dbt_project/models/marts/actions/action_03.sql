{{ action_mart(3) }}
