{{ action_mart(7) }}
