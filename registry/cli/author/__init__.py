"""Commands in a prompts repository: create one, check it, tag versions."""
