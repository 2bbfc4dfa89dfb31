{{ action_mart(25) }}
