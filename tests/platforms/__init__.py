"""The same files on many platforms: ``python -m tests.platforms --images DIR``."""
