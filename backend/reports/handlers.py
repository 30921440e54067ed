"""What reports do about facts of other rooms."""

from typing import TypeAlias

from backend.access.actor import Actor
from backend.attachments.queries import media_of_visit
from backend.attachments.rules import MediaExamined, MediaRegistered, MediaRejected, MediaStored
from backend.db.unit_of_work import UnitOfWork
from backend.reports.actions.report import seal_when_complete
from backend.reports.models import ConductRule, ConductStep, FeedbackCard, ServiceReport
from backend.reports.queries import locked_report_of_visit, report_of_visit, rules_for_work_type
from backend.reports.rules import CLOSED, NEEDS_CLOSED_REPORT, ReportUnsigned
from backend.visits.queries import work_order_by_id
from backend.visits.rules import VisitDispatched, VisitFinishing
from schemas.attachments import MediaState
from schemas.reports import ReportStatus, SealState

MediaFact: TypeAlias = MediaRegistered | MediaStored | MediaRejected


def open_report(uow: UnitOfWork, _: Actor, fact: VisitDispatched) -> None:
    """Make the draft report, its conduct steps and the feedback card, so that they travel with the visit.

    A visit that is dispatched anew keeps what it has.
    """
    if report_of_visit(uow.session, fact.visit_id) is not None:
        return
    work_order = work_order_by_id(uow.session, fact.work_order_id)
    uow.add_all(_step(uow, fact, rule) for rule in rules_for_work_type(uow.session, work_order.work_type_id))
    uow.add(FeedbackCard(id=uow.mint_id(), visit_id=fact.visit_id, declined=False))
    report = ServiceReport(
        id=uow.mint_id(),
        visit_id=fact.visit_id,
        status=ReportStatus.DRAFT,
        media_expected=0,
        media_stored=0,
        seal_state=SealState.NONE,
    )
    _count(uow, uow.add(report))


def require_closed_report(uow: UnitOfWork, _: Actor, fact: VisitFinishing) -> None:
    """Refuse (`ReportUnsigned`) to complete a visit whose customer has not answered the report.

    Only reads.
    """
    if fact.outcome not in NEEDS_CLOSED_REPORT:
        return
    report = report_of_visit(uow.session, fact.visit_id)
    if report is not None and report.status in CLOSED:
        return
    raise ReportUnsigned(
        "Freeze the report and let the customer sign it; or record that they refused, or were absent.",
        report_id=None if report is None else str(report.id),
        report_status=None if report is None else report.status,
    )


def count_media(uow: UnitOfWork, _: Actor, fact: MediaFact) -> None:
    """Keep `media_stored` of `media_expected` true, and have a closed report sealed with its last file."""
    report = locked_report_of_visit(uow.session, fact.visit_id)
    if report is None or report.status is ReportStatus.ISSUED:
        return
    if report.status in CLOSED:
        seal_when_complete(uow, report)
    else:
        _count(uow, report)


def seal_when_examined(uow: UnitOfWork, _: Actor, fact: MediaExamined) -> None:
    """Ask for the seal of a complete report once the last of its files was looked at."""
    report = locked_report_of_visit(uow.session, fact.visit_id)
    if report is not None and report.seal_state is SealState.DUE:
        seal_when_complete(uow, report)


def _step(uow: UnitOfWork, fact: VisitDispatched, rule: ConductRule) -> ConductStep:
    return ConductStep(
        id=uow.mint_id(),
        visit_id=fact.visit_id,
        rule_code=rule.code,
        position=rule.position,
        phase=rule.phase,
        text=rule.text,
        proof=rule.proof,
        media_kind=rule.media_kind,
        required=rule.required,
    )


def _count(uow: UnitOfWork, report: ServiceReport) -> None:
    states = [medium.state for medium in media_of_visit(uow.session, report.visit_id)]
    report.media_expected = sum(state is not MediaState.REJECTED for state in states)
    report.media_stored = sum(state is MediaState.STORED for state in states)
    uow.flush()
