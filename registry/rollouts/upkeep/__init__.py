"""What an operator does with a journal: verify, back up, restore and recover it."""
