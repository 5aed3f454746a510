"""The command line: what authors, release managers and operators type."""
