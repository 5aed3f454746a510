"""Redis or Valkey: its address, the connection, and the embedded server."""
