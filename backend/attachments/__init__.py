"""Photos, signatures and documents: what was taken where, and whether its bytes have arrived."""
