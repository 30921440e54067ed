"""The blueprint that the room's route modules share."""

from backend.web.blueprint import Room

room = Room("reports", __name__, description="Conduct on site, the report the customer signs, and its seal.")
