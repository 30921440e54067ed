"""What every route shares: one transaction, strict reading, problems, authentication, documents."""
