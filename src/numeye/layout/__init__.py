"""Digits to numbers, rows and tables; regions, forms, and what is known about numbers."""
