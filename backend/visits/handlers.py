"""What visits do when rooms above tell something."""

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.parts.rules import PartsHandled
from backend.requests.rules import RequestTriaged
from backend.visits.actions import open_work_order
from backend.visits.queries import visit_by_id
from backend.visits.steps import touch_by_work
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


def remember_hands_on_parts(uow: UnitOfWork, actor: Actor, fact: PartsHandled) -> None:
    """Who packs, ticks or counts for a visit had its case in hand."""
    touch_by_work(uow, actor, visit_by_id(uow.session, fact.visit_id))
