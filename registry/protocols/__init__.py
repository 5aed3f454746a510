"""Other systems' interfaces: their clients are served versions by the same rules, without new code."""
