"""What opens ``.lmc`` files in a browser: archives of models, the viewer page, and a server for this machine alone."""
