"""Tests of work types, work orders and visits."""
