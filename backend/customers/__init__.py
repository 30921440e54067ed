"""Whom the firm serves: customers, their sites, the assets there, and what is covered until when."""
