"""Addenda: what is said about a report after it was issued."""

from __future__ import annotations

from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.reports.models import ReportAddendum, ServiceReport
from backend.reports.queries import SEAL_MESSAGE, addenda_of, locked_report_of_visit, visit_of
from backend.reports.rules import ReportNotIssued
from backend.visits.queries import visit_by_id
from backend.visits.steps import touch_by_work
from schemas.reports import ReportStatus


@requires("report_addendum:add")
def add_report_addendum(
    uow: UnitOfWork, actor: Actor, addendum_id: UUID | None = None, *, report_id: UUID, text: str
) -> ReportAddendum:
    """Say something about an issued report; it is sealed by itself and names the hash that it follows.

    Raises ReportNotFound, ReportNotIssued, IdAlreadyUsed.
    """
    visit_id = visit_of(uow.session, ServiceReport, report_id)
    report = locked_report_of_visit(uow.session, visit_id)
    content = {"report_id": report_id, "text": text, "written_by": actor.user_id}
    if known := created_before(uow, ReportAddendum, addendum_id, **content):
        return known
    if report is None or report.status is not ReportStatus.ISSUED:
        raise ReportNotIssued("Wait until the report is sealed; until then nothing needs correcting.")
    touch_by_work(uow, actor, visit_by_id(uow.session, visit_id))
    number = len(addenda_of(uow.session, report_id)) + 1
    addendum = uow.add(ReportAddendum(id=addendum_id or uow.mint_id(), number=number, **content))
    uow.post(SEAL_MESSAGE, {"addendum_id": str(addendum.id)}, key=str(addendum.id))
    return addendum
