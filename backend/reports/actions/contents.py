"""What is listed in a report: charges, removed parts, the feedback card."""

from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.parts.queries import part_for
from backend.reports.models import FeedbackCard, RemovedPart, ReportCharge, ServiceReport
from backend.reports.queries import (
    any_row,
    locked_report_of_visit,
    standing_charges,
    visit_of,
    visit_of_charge,
)
from backend.reports.rules import (
    ChargeCurrencyMixed,
    ConsentIncomplete,
    check_editable,
)
from backend.reports.standing import editable_report, report_in_the_field
from backend.visits.field_facts import take_fact
from schemas.reports import Disposition


class Card(TypedDict, total=False):
    """What the customer fills in; absent keys stay."""

    punctuality: int | None
    conduct: int | None
    quality: int | None
    cleanliness: int | None
    words: str | None
    declined: bool


@requires("report_charge:add")
def add_report_charge(
    uow: UnitOfWork,
    actor: Actor,
    charge_id: UUID | None = None,
    *,
    report_id: UUID,
    description: str,
    quantity: int,
    unit_minor: int,
    currency: str,
    part_id: UUID | None = None,
    occurred_at: datetime | None = None,
) -> ReportCharge:
    """List something the customer is asked to pay for (minor units of `currency`; 0 when covered).

    Raises ReportNotFound, WorkAfterRevocation, ReportSealed, ChargeCurrencyMixed, PartNotFound,
    IdAlreadyUsed.
    """
    content = {
        "report_id": report_id,
        "description": description,
        "part_id": part_id,
        "quantity": quantity,
        "unit_minor": unit_minor,
        "currency": currency,
    }
    report = report_in_the_field(uow, actor, visit_of(uow.session, ServiceReport, report_id))
    if known := created_before(uow, ReportCharge, charge_id, **content):
        return known
    check_editable(report.status)
    if any(charge.currency != currency for charge in standing_charges(uow.session, report.id)):
        raise ChargeCurrencyMixed(
            "Use the currency of the charges that are listed already, or withdraw them."
        )
    if part_id is not None:
        part_for(uow.session, part_id)
    return uow.add(ReportCharge(id=charge_id or uow.mint_id(), approved=False, **content))


@requires("report_charge:withdraw")
def withdraw_report_charge(
    uow: UnitOfWork, actor: Actor, charge_id: UUID, *, occurred_at: datetime | None = None
) -> ReportCharge:
    """Take a charge off the list; its row stays. Twice is once. Raises as `add_report_charge`."""
    editable_report(uow, actor, visit_of_charge(uow.session, charge_id))
    charge = any_row(uow.session, ReportCharge, charge_id)
    charge.withdrawn_at = charge.withdrawn_at or occurred_at or uow.now
    return charge


@requires("removed_part:record")
def record_removed_part(
    uow: UnitOfWork,
    actor: Actor,
    removed_part_id: UUID | None = None,
    *,
    visit_id: UUID,
    name: str,
    serial_number: str | None = None,
    disposition: Disposition | None = None,
    consented_by: str | None = None,
    occurred_at: datetime | None = None,
) -> RemovedPart:
    """A part was taken out; a fact, so also taken from whoever had the visit once.

    Raises VisitNotFound, ConsentIncomplete, ReportSealed, IdAlreadyUsed.
    """
    if (disposition is None) != (consented_by is None):
        raise ConsentIncomplete("Say both what becomes of the part and who said so, or neither yet.")
    content = {
        "visit_id": visit_id,
        "name": name,
        "serial_number": serial_number,
        "recorded_by": actor.doer_id,
    }
    if known := created_before(uow, RemovedPart, removed_part_id, **content):
        return known
    take_fact(uow, actor, visit_id)
    report = locked_report_of_visit(uow.session, visit_id)
    if report is not None:
        check_editable(report.status)
    return uow.add(
        RemovedPart(
            id=removed_part_id or uow.mint_id(),
            disposition=disposition,
            consented_by=consented_by,
            occurred_at=occurred_at or uow.now,
            **content,
        )
    )


@requires("removed_part:settle")
def settle_removed_part(
    uow: UnitOfWork,
    actor: Actor,
    removed_part_id: UUID,
    *,
    disposition: Disposition | None = None,
    consented_by: str | None = None,
    occurred_at: datetime | None = None,
) -> RemovedPart:
    """The customer says what becomes of a removed part.

    Raises ReportNotFound, WorkAfterRevocation, ReportSealed, ConsentIncomplete.
    """
    editable_report(uow, actor, visit_of(uow.session, RemovedPart, removed_part_id))
    part = any_row(uow.session, RemovedPart, removed_part_id)
    disposition = disposition or part.disposition
    consented_by = consented_by or part.consented_by
    if disposition is None or consented_by is None:
        raise ConsentIncomplete("Say both what becomes of the part and who said so.")
    part.disposition = disposition
    part.consented_by = consented_by
    return part


@requires("feedback_card:fill")
def fill_feedback_card(
    uow: UnitOfWork,
    actor: Actor,
    card_id: UUID,
    *,
    occurred_at: datetime | None = None,
    **card: Unpack[Card],
) -> FeedbackCard:
    """Hand the customer the card and keep what they put on it, were it only that they declined.

    Raises ReportNotFound, WorkAfterRevocation, ReportSealed.
    """
    editable_report(uow, actor, visit_of(uow.session, FeedbackCard, card_id))
    row = any_row(uow.session, FeedbackCard, card_id)
    for name, value in card.items():
        setattr(row, name, value)
    row.offered_at = row.offered_at or occurred_at or uow.now
    return row
