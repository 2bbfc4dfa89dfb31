{{ action_mart(37) }}
