{{ action_mart(38) }}
