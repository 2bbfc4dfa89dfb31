{{ action_mart(26) }}
