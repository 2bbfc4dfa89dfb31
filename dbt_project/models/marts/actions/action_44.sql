{{ action_mart(44) }}
