"""Langfuse's public API for reading prompts, so that its clients work with another base URL."""
