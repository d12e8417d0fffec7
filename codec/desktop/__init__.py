"""What a desktop has to know of ``.lmc`` files: their type, an icon, thumbnails, and a program that opens them."""
