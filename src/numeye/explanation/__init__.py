"""What a network sees: activations, receptive fields, attribution, input steps."""
