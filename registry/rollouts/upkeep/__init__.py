"""What an operator does with a journal: verify, back up, restore, recover and mirror it."""
