"""Tables of a page: ruled lines, cells, and columns without lines."""
