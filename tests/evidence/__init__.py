"""What makes a report evidence: the phone's signature, the company's seal, and whoever checks them."""
