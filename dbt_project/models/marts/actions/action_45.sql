{{ action_mart(45) }}
