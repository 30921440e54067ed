"""Tests of the conformance kit: it passes a sound server, and catches each way to break a rule."""
