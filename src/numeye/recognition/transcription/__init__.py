"""Reads numbers as a whole with a network for transcription, and scores their best strings anew."""
