"""Sentences about Doorstep that are true."""
