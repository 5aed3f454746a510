"""Metrics for Prometheus: counts of this process, and facts read at each scrape."""
