"""MCP, the Model Context Protocol: prompts for assistants and editors, rendered here."""
