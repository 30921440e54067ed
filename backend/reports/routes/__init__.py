"""The routes of conduct, service reports, what is listed in them, and what the company sealed."""

from backend.reports.routes import reports, sealed
from backend.reports.routes.room import room

__all__ = ["reports", "room", "sealed"]
