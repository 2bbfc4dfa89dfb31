{{ action_mart(40) }}
