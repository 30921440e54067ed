"""Who may write in a report now:

the one who has the visit, and only while the customer has not been shown it.
"""

from uuid import UUID

from backend.access.actor import Actor
from backend.attachments.queries import media_of_visit
from backend.db.unit_of_work import UnitOfWork
from backend.reports.models import ServiceReport
from backend.reports.queries import locked_report_of_visit
from backend.reports.rules import ReportNotFound, SignatureUnusable, check_editable
from backend.visits.queries import visit_in_the_field
from backend.visits.rules import VisitNotFound
from backend.visits.steps import touch_by_work
from schemas.attachments import MediaKind, MediaState


def report_in_the_field(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> ServiceReport:
    """The visit's report, locked together with the visit, for somebody who works on it.

    Raises ReportNotFound for strangers, WorkAfterRevocation for whoever had the visit once.
    """
    try:
        visit = visit_in_the_field(uow.session, actor, visit_id)
    except VisitNotFound:
        raise not_found() from None
    report = locked_report_of_visit(uow.session, visit_id)
    if report is None:
        raise not_found()
    touch_by_work(uow, actor, visit)
    return report


def editable_report(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> ServiceReport:
    """The same, while it is a draft. Raises ReportSealed when it is not any more."""
    report = report_in_the_field(uow, actor, visit_id)
    check_editable(report.status)
    return report


def check_written(uow: UnitOfWork, visit_id: UUID, media_id: UUID, kinds: frozenset[MediaKind]) -> None:
    """Refuse (`SignatureUnusable`) what is no medium of this visit, or of a kind that holds nobody's hand."""
    for medium in media_of_visit(uow.session, visit_id):
        if medium.id == media_id and medium.kind in kinds and medium.state is not MediaState.REJECTED:
            return
    wanted = " or ".join(sorted(kinds))
    raise SignatureUnusable(f"Register a medium of kind {wanted} for this visit first, then name its id.")


def not_found() -> ReportNotFound:
    """What a stranger is told, the same as for an id that never was."""
    return ReportNotFound("Check the id; what a visit has is listed by its id.")
