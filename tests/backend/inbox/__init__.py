"""Tests of the field inbox."""
