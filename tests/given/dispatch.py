"""Technicians and dispatched visits that tests begin with."""

from datetime import timedelta
from typing import Any

from backend.access.actor import Actor
from backend.access.permissions import PERMISSIONS, SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import actions
from backend.dispatch.models import Technician
from backend.visits.models import Visit
from schemas.access import Role
from tests.given import visits


def a_technician(uow: UnitOfWork, *, on_shift: bool = True, **over: Any) -> Technician:
    """A technician from Berlin; `on_shift`: who works for ten hours a day in the week around the tests'
    clock."""
    fields = {
        "email": f"{uow.mint_id()}@example.org",
        "display_name": "Tove Dahl",
        "time_zone": "Europe/Berlin",
        "home_latitude": 52.5,
        "home_longitude": 13.4,
        **over,
    }
    technician = actions.create_technician(uow, SYSTEM, fields.pop("id", None), **fields)
    if on_shift:
        for day in range(4):
            starts_at = visits.MORNING + timedelta(days=day, hours=-3)
            actions.create_shift(
                uow,
                SYSTEM,
                technician_id=technician.id,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=10),
            )
    return technician


def as_actor(technician: Technician) -> Actor:
    """The technician as the one who acts."""
    return Actor(technician.id, Role.TECHNICIAN, PERMISSIONS[Role.TECHNICIAN])


def an_assigned_visit(uow: UnitOfWork, technician: Technician | None = None, **over: Any) -> Visit:
    """A confirmed visit of a new technician unless one is given."""
    technician = technician or a_technician(uow)
    visit = visits.a_confirmed_visit(uow, **over)
    return actions.assign_visit(uow, SYSTEM, visit.id, technician_id=technician.id)


def a_dispatched_visit(uow: UnitOfWork, technician: Technician | None = None, **over: Any) -> Visit:
    """A visit that went out to its technician; what is not packed yet is overridden."""
    visit = an_assigned_visit(uow, technician, **over)
    return actions.dispatch_visit(uow, SYSTEM, visit.id, override_reason="As the test wants it.")
