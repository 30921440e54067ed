"""The routes of work types, work orders and visits, on one blueprint."""

from backend.visits.routes import catalogue, field_work, visits, work_orders
from backend.visits.routes.room import room

__all__ = ["catalogue", "field_work", "room", "visits", "work_orders"]
