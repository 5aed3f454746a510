"""Suites: the cases and checks frozen in a version's commit, their digest, and what attests a result."""
