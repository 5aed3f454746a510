"""Commands that bring prompts from other tools into git, and hand them to others."""
