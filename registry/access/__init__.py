"""Access: tokens and what they may do."""
