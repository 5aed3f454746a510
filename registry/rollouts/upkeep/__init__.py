"""What is left here moves next."""
