"""Verify, pack, back up, restore, mirror and recover a journal."""
