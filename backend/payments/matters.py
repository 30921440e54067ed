"""What waits for somebody of finance, gathered from wherever it waits, with what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from backend.db.unit_of_work import UnitOfWork
from backend.payments import queries
from backend.payments.billing import why_not_billed
from backend.payments.queries import field_side
from backend.payments.requesting import Terms
from backend.payments.rules.money import Money
from backend.payments.rules.refunding import BY_TRANSFER
from schemas.payments import MatterKind, RefundState

LONGEST_WAIT = timedelta(hours=1)
"""For charges, a message of a provider or a refund that it was asked for, before somebody has to look."""
MOST_SHOWN = 200

SETTLED_BY_HAND = frozenset(
    {MatterKind.CASH_COMPLAINT, MatterKind.MESSAGE_REFUSED, MatterKind.MESSAGE_UNSENT}
)
"""What ends only when somebody says so; everything else ends with what is done about it."""

NEXT: Mapping[MatterKind, str] = {
    MatterKind.CASH_COMPLAINT: (
        "Talk to the customer and to whoever leads the technicians, never to the technician; then settle it."
    ),
    MatterKind.CHARGES_UNBILLED: (
        "Put right what the words say; billing is tried again by itself, at least every ten minutes."
    ),
    MatterKind.MESSAGE_REFUSED: (
        "Compare the payment at the provider with the bill; refund there what is not ours. Then settle it."
    ),
    MatterKind.MESSAGE_WAITING: "See whether the provider answers; it is tried again every minute.",
    MatterKind.MESSAGE_UNSENT: (
        "Put the address right and send the bill again, or retry the message; else settle it."
    ),
    MatterKind.MONEY_TO_REFUND: "Refund it, unless another bill of the work order is to come.",
    MatterKind.REFUND_TO_APPROVE: "Somebody else than who asked approves or declines it.",
    MatterKind.REFUND_TO_TRANSFER: "Send it at the bank, and confirm it with the debit when that is booked.",
    MatterKind.REFUND_WITHOUT_OUTCOME: (
        "See at the provider what became of it; it is asked again by itself, at least every ten minutes."
    ),
    MatterKind.DISPUTE: "Answer it at the provider (GET /disputes).",
    MatterKind.BANK_ENTRY: "Match it with a bill, or clear it as a fee or a payout.",
}


@dataclass(frozen=True)
class Matter:
    """Something that waits for somebody: `schemas.payments.MatterBody`."""

    kind: MatterKind
    subject_id: UUID
    since: datetime
    words: str
    request_id: UUID | None = None

    @property
    def next(self) -> str:
        """What to do about it."""
        return NEXT[self.kind]

    @property
    def is_settled_by_hand(self) -> bool:
        """Whether it ends only when somebody says so."""
        return self.kind in SETTLED_BY_HAND


def matters(uow: UnitOfWork, terms: Terms) -> list[Matter]:
    """All that waits, complaints first, then by the longest wait."""
    every = [
        *_said_or_unsent(uow),
        *_not_billed(uow, terms),
        *_money_that_waits(uow),
    ]
    return sorted(every, key=lambda each: (each.kind is not MatterKind.CASH_COMPLAINT, each.since))


def _said_or_unsent(uow: UnitOfWork) -> Iterator[Matter]:
    for complaint in queries.unsettled_complaints(uow.session):
        yield Matter(
            MatterKind.CASH_COMPLAINT, complaint.id, complaint.said_at, complaint.words, complaint.request_id
        )
    for refused in queries.refused_messages(uow.session):
        yield Matter(MatterKind.MESSAGE_REFUSED, refused.event_id, refused.at, refused.detail)
    for event_id, at in queries.messages_waiting(uow.session, uow.now - LONGEST_WAIT):
        yield Matter(MatterKind.MESSAGE_WAITING, event_id, at, "A provider's message nobody could act on.")
    for unsent in queries.unsent_messages(uow.session):
        yield Matter(
            MatterKind.MESSAGE_UNSENT,
            unsent.id,
            unsent.created_at,
            f"{unsent.kind}: {unsent.last_error or 'given up'}",
        )


def _not_billed(uow: UnitOfWork, terms: Terms) -> Iterator[Matter]:
    before = uow.now - LONGEST_WAIT
    for report_id, at in field_side.reports_unbilled_since(uow.session, before, MOST_SHOWN):
        yield Matter(MatterKind.CHARGES_UNBILLED, report_id, at, why_not_billed(uow, terms, report_id))


def _money_that_waits(uow: UnitOfWork) -> Iterator[Matter]:
    for request_id, currency, minor, at in queries.credits_of_customers(uow.session):
        words = f"{Money(minor, currency)} of the customer's"
        yield Matter(MatterKind.MONEY_TO_REFUND, request_id, at, words, request_id)
    for refund, state in queries.refunds_in_hand(uow.session):
        money = Money(refund.amount_minor, refund.currency)
        words = f"{money}: {refund.reason}"
        if state is RefundState.REQUESTED:
            yield Matter(MatterKind.REFUND_TO_APPROVE, refund.id, refund.asked_at, words, refund.request_id)
        elif refund.provider in BY_TRANSFER:
            yield Matter(MatterKind.REFUND_TO_TRANSFER, refund.id, refund.asked_at, words, refund.request_id)
        elif refund.asked_at <= uow.now - LONGEST_WAIT:
            kind = MatterKind.REFUND_WITHOUT_OUTCOME
            yield Matter(kind, refund.id, refund.asked_at, words, refund.request_id)
    for found in queries.disputes(uow.session, undecided=True):
        money = Money(found.dispute.amount_minor, found.dispute.currency)
        words = f"{money}, {found.state}: {found.dispute.reason}"
        yield Matter(MatterKind.DISPUTE, found.dispute.id, found.since, words, found.dispute.request_id)
    waiting = queries.suspense(uow.session)
    for entry in queries.bank_entries(uow.session, waiting.keys())[:MOST_SHOWN]:
        words = f"{Money(waiting[entry.id], entry.currency)}: {entry.remittance}"
        at = datetime.combine(entry.booked_on, time(), UTC)
        yield Matter(MatterKind.BANK_ENTRY, entry.id, at, words, entry.proposed_request_id)
