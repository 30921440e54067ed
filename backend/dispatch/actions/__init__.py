"""What is done with technicians and shifts, and the putting of visits into technicians' hands."""

from backend.dispatch.actions.placing import (
    assign_visit,
    dispatch_visit,
    move_visit,
    plan_visit,
    unassign_visit,
)
from backend.dispatch.actions.suggestions import Suggestions, suggest_technicians
from backend.dispatch.actions.technicians import (
    create_shift,
    create_technician,
    edit_technician,
    remove_shift,
)

__all__ = [
    "Suggestions",
    "assign_visit",
    "create_shift",
    "create_technician",
    "dispatch_visit",
    "edit_technician",
    "move_visit",
    "plan_visit",
    "remove_shift",
    "suggest_technicians",
    "unassign_visit",
]
