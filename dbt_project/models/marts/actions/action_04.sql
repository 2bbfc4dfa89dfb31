{{ action_mart(4) }}
