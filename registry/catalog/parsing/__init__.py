"""Prompt files: parse, validate, lint and compare them. Pure."""
