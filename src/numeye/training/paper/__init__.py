"""Synthetic paper: everything that makes the pictures the reader learns from."""
