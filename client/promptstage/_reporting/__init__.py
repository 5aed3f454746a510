"""Send the records of calls to the registry: a bounded queue, and one thread that nobody waits for."""
