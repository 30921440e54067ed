"""Answers to "what is missing?" and "what can be done with this report now?"; nothing is changed."""

from uuid import UUID

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.reports.models import ServiceReport
from backend.reports.queries import draft_state, of_visit_for
from backend.reports.rules import (
    PossibleTransition,
    ReportReadiness,
    ReportVerb,
    check_ready,
    next_status,
    open_items,
)
from schemas.errors import DomainError
from schemas.reports import ReportStatus


def readiness_of(uow: UnitOfWork, actor: Actor, report_id: UUID) -> ReportReadiness:
    """What is open in a draft; nothing is once it is frozen. Raises ReportNotFound."""
    report = of_visit_for(uow.session, actor, ServiceReport, report_id)
    if report.status is not ReportStatus.DRAFT:
        return ReportReadiness(ready=True, open=[])
    items = open_items(draft_state(uow.session, report))
    return ReportReadiness(ready=not items, open=items)


def transitions_of(uow: UnitOfWork, actor: Actor, report_id: UUID) -> list[PossibleTransition]:
    """Every step and whether it can be taken now; issuing happens by itself. Raises ReportNotFound."""
    report = of_visit_for(uow.session, actor, ServiceReport, report_id)
    verbs = [verb for verb in ReportVerb if verb is not ReportVerb.ISSUE]
    return [_possible(uow, actor, report, verb) for verb in verbs]


def _possible(uow: UnitOfWork, actor: Actor, report: ServiceReport, verb: ReportVerb) -> PossibleTransition:
    try:
        next_status(report.status, verb)
        if verb is ReportVerb.FREEZE:
            check_ready(draft_state(uow.session, report))
    except DomainError as refusal:
        return PossibleTransition(verb.value, allowed=False, reason=refusal.detail)
    if not actor.may(f"service_report:{verb.value}"):
        return PossibleTransition(verb.value, allowed=False, reason="Your role may not do this.")
    return PossibleTransition(verb.value, allowed=True, reason=None)
