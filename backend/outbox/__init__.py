"""Outside effects: sent after the transaction that asked for them, and never lost in silence."""
