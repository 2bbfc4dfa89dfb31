{{ action_mart(19) }}
