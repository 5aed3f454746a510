"""A prompt file: what it says, what is wrong with it, and what differs between two."""
