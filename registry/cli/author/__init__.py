"""Commands in a prompts repository: make one, check it, tag versions."""
