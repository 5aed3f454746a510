"""Writers of prompts and their suites as configurations of other tools. Pure."""
