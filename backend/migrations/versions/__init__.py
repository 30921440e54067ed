"""One file for each step in the history of the tables."""
