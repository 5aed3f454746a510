"""The database of outcomes, in SQLite or PostgreSQL by one set of SQL."""
