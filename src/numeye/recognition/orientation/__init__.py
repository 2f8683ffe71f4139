"""How a page lies, and how it is turned to be read."""
