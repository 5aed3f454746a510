"""Commands that show what is in force and change it."""
