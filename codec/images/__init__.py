"""Pixels in and out: reading images of any kind part by part, and writing them."""
