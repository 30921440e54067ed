"""Suggesting who could go to a visit, with the reason why others cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.unit_of_work import UnitOfWork
from backend.dispatch import queries
from backend.dispatch.rules import Candidate
from backend.visits.hands import plan_for
from backend.visits.queries import visit_for

MOST_UNFIT = 50


@dataclass(frozen=True)
class Suggestions:
    """Who could go, best first, and who could not and why."""

    suggestions: Sequence[Candidate]
    unfit: Sequence[Candidate]


@requires("technician_suggestion:read")
def suggest_technicians(uow: UnitOfWork, actor: Actor, visit_id: UUID, *, limit: int = 5) -> Suggestions:
    """Qualified technicians who are there and free for the whole planned time: those whose territory it is
    first, then the nearest. `unfit` names the nearest others. Raises VisitNotFound, PlanOutsideWindow
    without a window.
    """
    visit = visit_for(uow.session, actor, visit_id)
    found = queries.candidates_for(uow.session, visit, plan_for(visit, None))
    fit = [candidate for candidate in found if not candidate.reasons]
    unfit = [candidate for candidate in found if candidate.reasons and candidate.active]
    return Suggestions(fit[:limit], unfit[:MOST_UNFIT])
