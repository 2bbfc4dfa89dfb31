{{ action_mart(6) }}
