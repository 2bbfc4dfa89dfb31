{{ action_mart(11) }}
