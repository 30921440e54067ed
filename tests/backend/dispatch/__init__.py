"""Tests of technicians, assignment and dispatch."""
