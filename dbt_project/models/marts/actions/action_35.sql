{{ action_mart(35) }}
