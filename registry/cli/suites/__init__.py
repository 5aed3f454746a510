"""Run suites: `promptstage eval`."""
