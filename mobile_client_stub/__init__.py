"""A phone: a real offline client that knows only HTTP."""
