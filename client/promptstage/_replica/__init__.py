"""The client's copy of what its environment serves. Private."""
