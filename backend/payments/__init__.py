"""Money: what customers owe and how they pay the company. A process of its own; no other room imports it."""
