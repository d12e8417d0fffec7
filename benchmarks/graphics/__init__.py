"""Flat graphics, and pages that mix them with photographs, on which exact coding is judged."""
