"""Bytes: object stores and the contract by which photos, signatures and documents reach them. No tables, no business nouns."""
