{{ action_mart(13) }}
