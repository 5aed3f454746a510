"""The catalog: git tags become versions of prompts."""
