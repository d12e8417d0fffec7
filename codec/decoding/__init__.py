"""From the bytes of a file to its symbols and pixels."""
