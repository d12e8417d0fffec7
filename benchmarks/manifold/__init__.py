"""How good the coordinates are for more than pixels: search, anomalies, paths, continuity."""
