"""Tests of the object stores and the upload contract."""
