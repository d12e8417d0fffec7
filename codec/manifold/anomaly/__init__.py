"""How far an image lies off a collection."""
