"""Stores that nobody here wrote, against the server."""
