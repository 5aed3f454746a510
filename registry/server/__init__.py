"""Run uvicorn: a bounded HTTP protocol, its workers, and their common metrics."""
