"""The firm's bank account: statements read, imported and matched."""
