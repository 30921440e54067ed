"""How fast it is, measured beside the bare database in the same run; no test depends on it."""
