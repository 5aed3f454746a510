"""How requests are let in, bounded and answered, whatever they ask for."""
