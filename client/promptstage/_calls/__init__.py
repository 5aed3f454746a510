"""What a call is recorded as: its unit, what its responses say, its log line, and its content."""
