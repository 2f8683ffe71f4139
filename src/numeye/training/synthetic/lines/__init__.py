"""Lines: pictures of one number each, as a network for transcription receives them."""
