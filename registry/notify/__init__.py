"""Notifications: what happened, told to the targets of the operator's file, at least once."""
