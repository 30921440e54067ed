"""Taking facts about a visit: notes, files, removed parts; and whoever brings them had its case in hand."""

from uuid import UUID

from backend.access.actor import Actor
from backend.access.late_work import take_fact_about
from backend.db.unit_of_work import UnitOfWork
from backend.visits.models import Visit
from backend.visits.queries import visit_by_id
from backend.visits.steps import touch_by_work


def take_fact(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> Visit:
    """The visit that a fact is about; see `take_fact_about`. Raises VisitNotFound."""
    take_fact_about(uow, actor, visit_id)
    visit = visit_by_id(uow.session, visit_id)
    touch_by_work(uow, actor, visit)
    return visit
