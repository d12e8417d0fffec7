"""What a picture's coordinates are good for beyond pixels: nearness, search, samples."""
