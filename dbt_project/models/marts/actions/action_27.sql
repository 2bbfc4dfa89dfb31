{{ action_mart(27) }}
