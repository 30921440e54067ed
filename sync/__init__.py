"""Keeps every device equal to the server: an engine that knows no business noun."""
