"""Work types, work orders, visits, arrival windows and what the customer says to them."""
