"""What people see in a browser: the customer's visit page and its calendar file."""
