"""How calls went: taken in durably, folded into tables, summed as usage."""
