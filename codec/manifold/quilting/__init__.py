"""New images from blocks of others."""
