"""Rollouts: which version is served to whom, and how that changes."""
