"""The business: one firm's field service, in rooms that import only upwards."""
