{{ action_mart(43) }}
