"""HTTP around the endpoints: authentication, bounds, problems, measurements and the fast path."""
