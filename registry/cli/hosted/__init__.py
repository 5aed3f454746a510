"""Ask the APIs of hosted tools for the prompts that are imported; `registry.importers` reads the answers."""
