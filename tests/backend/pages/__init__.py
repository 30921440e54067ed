"""The customer's page, as a browser and as a mail scanner see it."""
