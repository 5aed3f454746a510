"""Examine a registry: facts in, findings and remedies out. Pure."""
