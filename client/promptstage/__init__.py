"""Promptstage: fetch staged prompts from memory, and stamp their version into every log line."""
