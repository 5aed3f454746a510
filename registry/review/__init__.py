"""Review: which calls judges and people look at, and what their answers say of each other."""
