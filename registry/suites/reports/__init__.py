"""Reports of runs in the forms of other tools: what goes into a file, or a comment."""
