"""Metrics for Prometheus: counts of this process, and facts read at the moment of a scrape."""
