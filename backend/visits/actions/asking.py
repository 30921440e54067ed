"""Asking what may be done with a visit, instead of finding out by trying."""

from dataclasses import dataclass
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.unit_of_work import UnitOfWork
from backend.visits import queries
from backend.visits.gate import refuse_unready
from backend.visits.models import Visit
from backend.visits.rules import FINISHES, TRANSITIONS, Transition, VisitFinishing
from backend.visits.steps import case_of, check_step
from schemas.errors import DomainError


@dataclass(frozen=True)
class AllowedTransition:
    """A verb, whether it is open to this actor now, and if not, why."""

    name: str
    allowed: bool
    reason: str | None = None


@requires("visit:read")
def list_transitions(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> list[AllowedTransition]:
    """Every transition of the visit with the reason why a blocked one is blocked. Raises VisitNotFound.

    Those that the actor's role never has are left out: no reason would help.
    """
    visit = queries.visit_for(uow.session, actor, visit_id)
    return [_ask(uow, actor, visit, verb) for verb in Transition if actor.may(f"visit:{verb}")]


def _ask(uow: UnitOfWork, actor: Actor, visit: Visit, transition: Transition) -> AllowedTransition:
    try:
        check_step(visit, transition)
        if transition is Transition.DISPATCH:
            refuse_unready(uow, visit)
        if transition in FINISHES:
            uow.tell(actor, VisitFinishing(*case_of(uow, visit), TRANSITIONS[transition][visit.status]))
    except DomainError as refusal:
        return AllowedTransition(transition.value, allowed=False, reason=refusal.detail)
    return AllowedTransition(transition.value, allowed=True)
