"""The kinds of documents, a file each, and the tables on them."""
