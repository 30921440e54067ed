"""All reading of conduct, reports, charges, removed parts and feedback cards, and who may see which."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.access.actor import Actor
from backend.access.reach import Reach, assigned_visits, narrowed
from backend.attachments.queries import media_of_visit
from backend.db.base import Record
from backend.db.paging import Page, PageRequest, fetch_page
from backend.parts.queries import checklist_of, priced_usage_of
from backend.reports.models import (
    ConductRule,
    ConductStep,
    FeedbackCard,
    RemovedPart,
    ReportCharge,
    ServiceReport,
)
from backend.reports.rules import (
    CLOSED,
    ConductRuleNotFound,
    DraftState,
    PackedPart,
    PricedPart,
    RemovedPartState,
    ReportNotFound,
    StepState,
)
from schemas.attachments import MediaState
from schemas.parts import PartKind
from schemas.reports import ReportStatus, SealState
from sync.transaction import find, keep, row_if_locked

R = TypeVar("R", bound=Record)
Found = TypeVar("Found")
OfVisit = TypeVar("OfVisit", ConductStep, ServiceReport, RemovedPart, FeedbackCard)

# --- who may see what ---------------------------------------------------------------------------------------


def of_visits_visible_to(actor: Actor, model: type[OfVisit]) -> Select[OfVisit]:
    """Rows of `model`: the office sees all, a technician those of the visits he has now."""
    return narrowed(select(model), actor, lambda reach: model.visit_id.in_(assigned_visits(reach)))


def charges_visible_to(actor: Actor) -> Select[ReportCharge]:
    """Charges of the reports that `actor` sees."""
    return narrowed(select(ReportCharge), actor, _charge_of)


def _charge_of(reach: Reach) -> ColumnElement[bool]:
    reports = select(ServiceReport.id).where(ServiceReport.visit_id.in_(assigned_visits(reach)))
    return ReportCharge.report_id.in_(reports)


# --- one record ---------------------------------------------------------------------------------------------


def of_visit_for(session: Session, actor: Actor, model: type[OfVisit], record_id: UUID) -> OfVisit:
    """That row of `model`; raises ReportNotFound when there is none that `actor` may see."""
    row = session.scalars(of_visits_visible_to(actor, model).where(model.id == record_id)).one_or_none()
    return _found(row)


def charge_for(session: Session, actor: Actor, charge_id: UUID) -> ReportCharge:
    """That charge; raises ReportNotFound when there is none that `actor` may see."""
    row = session.scalars(charges_visible_to(actor).where(ReportCharge.id == charge_id)).one_or_none()
    return _found(row)


def conduct_rule_by_id(session: Session, rule_id: UUID) -> ConductRule:
    """That rule; raises ConductRuleNotFound."""
    row = session.get(ConductRule, rule_id)
    if row is None:
        raise ConductRuleNotFound("List the rules and take the id from there.")
    return row


def any_row(session: Session, model: type[R], record_id: UUID) -> R:
    """That row as it is now, once it is known that whoever asks may have it. Raises ReportNotFound."""
    held = row_if_locked(session, model, record_id)
    return held or _found(_fresh(session, select(model).where(model.id == record_id)))


def visit_of(session: Session, model: type[OfVisit], record_id: UUID) -> UUID:
    """The visit that row is of, without looking at the row itself: first it is asked whose visit it is.

    Raises ReportNotFound.
    """
    if (held := row_if_locked(session, model, record_id)) is not None:
        return held.visit_id
    return _found(session.scalar(select(model.visit_id).where(model.id == record_id)))


def visit_of_charge(session: Session, charge_id: UUID) -> UUID:
    """The visit a charge is of, without looking at the charge itself. Raises ReportNotFound."""
    statement = (
        select(ServiceReport.visit_id)
        .join(ReportCharge, ReportCharge.report_id == ServiceReport.id)
        .where(ReportCharge.id == charge_id)
    )
    return _found(session.scalar(statement))


def report_of_visit(session: Session, visit_id: UUID) -> ServiceReport | None:
    """The report of a visit as it is now; None until the visit is dispatched."""
    return _fresh(session, select(ServiceReport).where(ServiceReport.visit_id == visit_id))


def locked_report_of_visit(session: Session, visit_id: UUID) -> ServiceReport | None:
    """The same, locked until the transaction ends, so that two files that arrive at once are both counted."""
    place = ("report of visit", visit_id)
    if (held := find(session, place)) is not None:
        return cast("ServiceReport", held)
    statement = select(ServiceReport).where(ServiceReport.visit_id == visit_id)
    report = _fresh(session, statement.with_for_update(key_share=True))
    keep(session, place, report)
    return report


def card_of_visit(session: Session, visit_id: UUID) -> FeedbackCard | None:
    """The feedback card of a visit as it is now."""
    return _fresh(session, select(FeedbackCard).where(FeedbackCard.visit_id == visit_id))


def _fresh(session: Session, statement: Select[R]) -> R | None:
    # The session of a long push may have read the row before somebody else changed it.
    return session.scalars(statement.execution_options(populate_existing=True)).one_or_none()


def _found(row: Found | None) -> Found:
    if row is None:
        raise ReportNotFound("Check the id; what a visit has is listed by its id.")
    return row


# --- what hangs together ------------------------------------------------------------------------------------


def rules_for_work_type(session: Session, work_type_id: UUID) -> Sequence[ConductRule]:
    """The rules that apply to a kind of work, in order: its own ones in place of the general ones."""
    statement = select(ConductRule).where(
        ConductRule.work_type_id.is_(None) | (ConductRule.work_type_id == work_type_id)
    )
    chosen: dict[str, ConductRule] = {}
    for rule in session.scalars(statement):
        if rule.code not in chosen or rule.work_type_id is not None:
            chosen[rule.code] = rule
    return sorted((rule for rule in chosen.values() if rule.applies), key=lambda rule: rule.position)


def override_of(session: Session, code: str, work_type_id: UUID) -> ConductRule | None:
    """The rule that stands in for the general one of that code for a work type."""
    statement = select(ConductRule).where(ConductRule.code == code, ConductRule.work_type_id == work_type_id)
    return _fresh(session, statement)


def steps_of_visit(session: Session, visit_id: UUID) -> Sequence[ConductStep]:
    """The conduct steps of a visit, in order."""
    return _all_fresh(
        session,
        select(ConductStep).where(ConductStep.visit_id == visit_id).order_by(ConductStep.position),
    )


def standing_charges(session: Session, report_id: UUID) -> Sequence[ReportCharge]:
    """The charges of a report that were not withdrawn."""
    return _all_fresh(
        session,
        select(ReportCharge)
        .where(ReportCharge.report_id == report_id, ReportCharge.withdrawn_at.is_(None))
        .order_by(ReportCharge.id),
    )


def removed_parts_of_visit(session: Session, visit_id: UUID) -> Sequence[RemovedPart]:
    """The parts removed during a visit."""
    return _all_fresh(
        session, select(RemovedPart).where(RemovedPart.visit_id == visit_id).order_by(RemovedPart.id)
    )


def _all_fresh(session: Session, statement: Select[R]) -> Sequence[R]:
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def draft_state(session: Session, report: ServiceReport) -> DraftState:
    """All that decides whether the report may be frozen."""
    charged: Counter[UUID] = Counter()
    for charge in standing_charges(session, report.id):
        if charge.part_id is not None:
            charged[charge.part_id] += charge.quantity
    card = card_of_visit(session, report.visit_id)
    media = media_of_visit(session, report.visit_id)
    return DraftState(
        report_id=report.id,
        work_done=report.work_done,
        steps=[_step_state(step) for step in steps_of_visit(session, report.visit_id)],
        media_kinds=frozenset(medium.kind for medium in media if medium.state is not MediaState.REJECTED),
        removed_parts=[
            RemovedPartState(part.id, part.name, part.disposition is not None)
            for part in removed_parts_of_visit(session, report.visit_id)
        ],
        packed_parts=[
            PackedPart(item.id, item.name, item.quantity, item.quantity_used + item.quantity_returned)
            for item in checklist_of(session, report.visit_id)
            if item.packed and item.kind is PartKind.PART
        ],
        priced_parts=[
            PricedPart(part_id, name, used, charged[part_id])
            for part_id, name, used in priced_usage_of(session, report.visit_id)
        ],
        card_offered=card is not None and card.offered_at is not None,
    )


def _step_state(step: ConductStep) -> StepState:
    return StepState(
        id=step.id,
        text=step.text,
        proof=step.proof,
        media_kind=step.media_kind,
        required=step.required,
        answer=step.answer,
        note=step.note,
        waived=step.waived_reason is not None,
    )


# --- lists --------------------------------------------------------------------------------------------------


def list_of_visits(
    session: Session, actor: Actor, page: PageRequest, model: type[OfVisit], *, visit_id: UUID | None = None
) -> Page[OfVisit]:
    """Visible rows of `model`, of a visit."""
    statement = of_visits_visible_to(actor, model)
    if visit_id is not None:
        statement = statement.where(model.visit_id == visit_id)
    key: InstrumentedAttribute[UUID] = model.id
    return fetch_page(session, statement, page, key=key)


WAITS_FOR_FILES = (
    ServiceReport.status.in_(CLOSED)
    & (ServiceReport.media_stored < ServiceReport.media_expected)
    & (ServiceReport.seal_state == SealState.NONE)
)
"""Closed, not all of its files are here, and nobody has said that it is issued without them."""


def list_service_reports(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    visit_id: UUID | None = None,
    status: ReportStatus | None = None,
    awaiting_media: bool | None = None,
    closed_before: datetime | None = None,
) -> Page[ServiceReport]:
    """Visible reports: of a visit, in a status, closed before, waiting for files though closed (or not)."""
    statement = of_visits_visible_to(actor, ServiceReport)
    if visit_id is not None:
        statement = statement.where(ServiceReport.visit_id == visit_id)
    if status is not None:
        statement = statement.where(ServiceReport.status == status)
    if awaiting_media is not None:
        statement = statement.where(WAITS_FOR_FILES if awaiting_media else ~WAITS_FOR_FILES)
    if closed_before is not None:
        statement = statement.where(ServiceReport.closed_at < closed_before)
    return fetch_page(session, statement, page, key=ServiceReport.id)


def list_charges(
    session: Session, actor: Actor, page: PageRequest, *, report_id: UUID | None = None
) -> Page[ReportCharge]:
    """Visible charges, of a report, withdrawn ones too."""
    statement = charges_visible_to(actor)
    if report_id is not None:
        statement = statement.where(ReportCharge.report_id == report_id)
    return fetch_page(session, statement, page, key=ReportCharge.id)


def list_conduct_rules(
    session: Session, page: PageRequest, *, work_type_id: UUID | None = None
) -> Page[ConductRule]:
    """All rules, or those written for one work type."""
    statement = select(ConductRule)
    if work_type_id is not None:
        statement = statement.where(ConductRule.work_type_id == work_type_id)
    return fetch_page(session, statement, page, key=ConductRule.id)
