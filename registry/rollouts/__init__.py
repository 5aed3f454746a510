"""Rollouts: the versions in force, and their changes. Pure."""
