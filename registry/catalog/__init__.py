"""The catalog: prompts and their versions, from git tags."""
