{{ action_mart(31) }}
