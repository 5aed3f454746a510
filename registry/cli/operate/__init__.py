"""Commands for operators of the registry."""
