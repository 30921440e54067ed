"""What visits do when rooms above tell something."""

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.requests.rules import RequestTriaged
from backend.visits.actions import open_work_order
from schemas.requests import Outcome


def open_work_order_of_request(uow: UnitOfWork, actor: Actor, fact: RequestTriaged) -> None:
    """A request that was triaged to a visit opens its work order."""
    if fact.outcome is not Outcome.VISIT or fact.site_id is None or fact.work_type_id is None:
        return
    open_work_order(
        uow,
        actor,
        request_id=fact.request_id,
        site_id=fact.site_id,
        asset_id=fact.asset_id,
        work_type_id=fact.work_type_id,
        summary=fact.summary,
        priority=fact.priority,
        earliest_start=fact.earliest_start,
        due=fact.due,
    )
