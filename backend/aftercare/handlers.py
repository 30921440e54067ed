"""What aftercare does when a visit is over."""

from collections.abc import Callable
from datetime import timedelta

from backend.access.actor import Actor
from backend.aftercare.models import Callback
from backend.aftercare.queries import callback_of_visit
from backend.aftercare.rules import callback_due
from backend.db.unit_of_work import UnitOfWork
from backend.visits.rules import VisitFinished
from schemas.aftercare import CallbackStatus


def open_callback_after(days: int) -> Callable[[UnitOfWork, Actor, VisitFinished], None]:
    """The handler that opens a callback task `days` after a completed visit (see `rules.callback_due`)."""
    delay = timedelta(days=days)

    def open_callback(uow: UnitOfWork, _: Actor, fact: VisitFinished) -> None:
        # A phone whose clock is years ahead must not put the call off for years.
        due_at = callback_due(fact.outcome, min(fact.finished_at, uow.now), delay)
        if due_at is None:
            return
        if callback_of_visit(uow.session, fact.visit_id) is not None:
            return
        uow.add(
            Callback(
                id=uow.mint_id(),
                visit_id=fact.visit_id,
                request_id=fact.request_id,
                case_id=fact.case_id,
                status=CallbackStatus.DUE,
                due_at=due_at,
                attempts=0,
            )
        )

    return open_callback
