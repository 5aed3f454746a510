"""The registry: resolves a prompt's name to a version, by rules that release managers set."""
