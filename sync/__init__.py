"""Keeps every device equal to the server: a reusable engine that knows no business noun."""
