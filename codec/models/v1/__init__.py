"""Model v1: its networks and entropy model, in torch."""
