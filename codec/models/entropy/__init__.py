"""The entropy model in torch: densities and scales as training sees them, and the integer tables made from them."""
