{{ action_mart(17) }}
