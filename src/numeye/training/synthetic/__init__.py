"""Digits to pictures: crops, text lines and pages, with strokes, paper and a camera."""
