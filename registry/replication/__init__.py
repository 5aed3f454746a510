"""Replication: this process's copy of the journal, its read model, documents, and the view in Redis."""
