{{ action_mart(41) }}
