"""From scores to probabilities: the calibration of a trained network."""
