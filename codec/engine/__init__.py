"""Running a model: its files, its graphs, and tiles for images of any size."""
