"""HTTP to the registry, through urllib3. Private."""
