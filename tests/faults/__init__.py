"""Real faults: a bad network, killed processes, full disks and lost databases, against the real server."""
