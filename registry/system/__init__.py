"""The ground floor: files, locks, times, text and logs. Nothing here knows prompts, rollouts or HTTP."""
