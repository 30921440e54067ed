"""The words and shapes that travel between server, devices and browsers."""
