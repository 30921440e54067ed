"""Outside effects: sent after the transaction that asked for them, again if that failed, never lost in silence."""
