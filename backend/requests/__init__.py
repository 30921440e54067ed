"""What customers ask for: intake by any channel, the first-response promise, triage and its outcome."""
