"""Rows that tests begin with, made by the actions of their rooms."""
