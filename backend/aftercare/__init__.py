"""What happens after a visit: somebody who never touched the case calls the customer back."""
