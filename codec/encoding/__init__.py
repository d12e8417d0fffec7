"""From an image to the bytes of a file."""
