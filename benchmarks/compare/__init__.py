"""Blind comparison by eye: a page that takes votes, and what the votes say."""
