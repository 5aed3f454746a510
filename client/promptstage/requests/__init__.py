"""Requests to models, one module an API: pure functions over a rendered prompt. No SDK is imported."""
