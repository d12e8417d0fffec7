"""``python -m codec``, for launchers that take a module."""

from codec.cli import main

main()
