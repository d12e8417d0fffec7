"""Ways between two images on the manifold."""
