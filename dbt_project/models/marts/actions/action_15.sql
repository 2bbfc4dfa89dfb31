{{ action_mart(15) }}
