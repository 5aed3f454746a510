"""Commands of whoever runs the registry."""
