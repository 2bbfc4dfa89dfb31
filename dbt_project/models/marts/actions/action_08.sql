{{ action_mart(8) }}
