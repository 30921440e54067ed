"""Work types, work orders and visits that tests begin with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from backend.access.permissions import SYSTEM
from backend.db.unit_of_work import UnitOfWork
from backend.visits import actions
from backend.visits.models import Skill, Visit, WorkOrder, WorkType
from tests.given import customers

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""The start of the usual window: ten o'clock in Berlin, an hour after the tests' clock."""
TWO_HOURS = timedelta(hours=2)


def a_skill(uow: UnitOfWork, **over: Any) -> Skill:
    """A skill."""
    fields = {"code": f"skill-{uow.mint_id()}", "name": "Gas boilers", **over}
    return actions.create_skill(uow, SYSTEM, fields.pop("id", None), **fields)


def a_work_type(uow: UnitOfWork, **over: Any) -> WorkType:
    """A type of work of one hour, which needs no skill and no kit unless some are given."""
    fields = {"code": f"work-{uow.mint_id()}", "name": "Boiler service", "duration_minutes": 60, **over}
    return actions.create_work_type(uow, SYSTEM, fields.pop("id", None), **fields)


def a_work_order(uow: UnitOfWork, **over: Any) -> WorkOrder:
    """A work order at a new site and of a new work type unless they are given."""
    fields = {"summary": "The boiler is cold.", **over}
    fields.setdefault("site_id", None)
    fields["site_id"] = fields["site_id"] or customers.a_site(uow).id
    fields["work_type_id"] = over.get("work_type_id") or a_work_type(uow).id
    return actions.open_work_order(uow, SYSTEM, fields.pop("id", None), **fields)


def a_visit(uow: UnitOfWork, **over: Any) -> Visit:
    """A visit offered for 10 to 12 o'clock in Berlin on the day of the tests' clock, of a new work order."""
    work_order_id = over.pop("work_order_id", None) or a_work_order(uow).id
    window = {} if over.keys() & {"starts_at", "local_date"} else _usual_window()
    fields = {**window, **over}
    return actions.book_visit(uow, SYSTEM, fields.pop("id", None), work_order_id=work_order_id, **fields)


def _usual_window() -> dict[str, datetime]:
    return {"starts_at": MORNING, "ends_at": MORNING + TWO_HOURS}


def a_visit_without_slot(uow: UnitOfWork, **over: Any) -> Visit:
    """A visit that requires a slot."""
    work_order_id = over.pop("work_order_id", None) or a_work_order(uow).id
    return actions.book_visit(uow, SYSTEM, over.pop("id", None), work_order_id=work_order_id, **over)


def a_confirmed_visit(uow: UnitOfWork, **over: Any) -> Visit:
    """A visit whose window the customer has confirmed."""
    visit = a_visit(uow, **over)
    return actions.confirm_visit(uow, SYSTEM, visit.id, window_version=visit.window_version)
