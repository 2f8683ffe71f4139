"""A reader and a data set to metrics."""
