"""People, their roles and permissions, their devices and sessions, and the log of who did what."""
