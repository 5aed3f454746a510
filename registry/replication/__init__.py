"""This process's copy of the journal: the replica, its read model, documents and the view in Redis."""
