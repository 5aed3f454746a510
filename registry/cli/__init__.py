"""The command line of authors, release managers and operators."""
