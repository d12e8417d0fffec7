"""What several rooms need and no library has: atomic writing, finding files, progress."""
