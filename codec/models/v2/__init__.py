"""Model v2: its networks, in torch."""
