"""The journal: a git repository in which every acknowledged change is one commit."""
