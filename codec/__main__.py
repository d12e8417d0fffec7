"""``python -m codec``, for launchers that take a module."""

from codec.cli import program

program()
