"""The use cases: change rollouts and tokens, look back, and carry out timed steps."""
