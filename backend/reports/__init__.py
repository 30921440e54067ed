"""What the customer signs: conduct steps, service reports, charges, removed parts and feedback cards."""
