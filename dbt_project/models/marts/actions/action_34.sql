{{ action_mart(34) }}
