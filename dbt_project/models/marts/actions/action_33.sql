{{ action_mart(33) }}
