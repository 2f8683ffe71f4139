"""Pictures, data sets and files, in and out."""
