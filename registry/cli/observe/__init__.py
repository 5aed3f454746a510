"""The commands that show how calls went."""
