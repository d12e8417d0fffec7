"""What an image's coordinates are good for beyond pixels: nearness, search, samples."""
