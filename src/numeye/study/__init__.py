"""The evidence: what is claimed of convolutional networks, tested, one file a question."""
