"""Connections, HTTP, and request bodies until they have arrived."""
