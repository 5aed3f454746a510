"""Streams of releases: subscriptions, what each still waits for, and counts over all processes."""
