"""The use cases: change rollouts and tokens, query the history, and advance timed steps."""
