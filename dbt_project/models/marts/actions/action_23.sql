{{ action_mart(23) }}
