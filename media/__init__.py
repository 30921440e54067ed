"""Bytes: stores of objects, and the contract by which photos, signatures and documents reach them."""
