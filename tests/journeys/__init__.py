"""Whole stories: a real server, a dispatcher over HTTP, customers with links, phones without a network."""
