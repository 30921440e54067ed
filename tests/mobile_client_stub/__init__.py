"""Tests of the reference phone, against a strict server of their own."""
