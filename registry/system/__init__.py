"""What every room stands on: nothing here knows prompts, rollouts or HTTP."""
