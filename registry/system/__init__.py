"""Foundations for every package: nothing here knows prompts, rollouts or HTTP."""
