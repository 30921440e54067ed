"""Reading disputes and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from backend.payments.models import Dispute, DisputeStep, PaymentRequest
from schemas.payments import DisputeState

_STEP = aliased(DisputeStep)
_IS_DECIDED = exists().where(
    _STEP.dispute_id == Dispute.id, _STEP.state.in_((DisputeState.WON, DisputeState.LOST))
)
_MOST_SHOWN = 500


@dataclass(frozen=True)
class Disputed:
    """A dispute, the number of the request it is about, and where it stands since when."""

    dispute: Dispute
    number: str
    state: DisputeState
    since: datetime


def dispute_by_name(session: Session, provider: str, name: str) -> Dispute | None:
    """The dispute that a provider calls by this name."""
    return session.scalar(select(Dispute).where(Dispute.provider == provider, Dispute.name == name))


def dispute_steps(session: Session, dispute_id: UUID) -> dict[DisputeState, datetime]:
    """The steps a dispute took, and when."""
    rows = session.execute(
        select(DisputeStep.state, DisputeStep.at).where(DisputeStep.dispute_id == dispute_id)
    )
    return {state: at for state, at in rows}  # noqa: C416 - dict() is not typed


def disputes(
    session: Session, request_id: UUID | None = None, *, undecided: bool = False
) -> Sequence[Disputed]:
    """Disputes, of a request or all, or those that nobody decided, the newest first; at most 500, as somebody
    is to read them."""
    statement = (
        select(Dispute, PaymentRequest.number, DisputeStep.state, DisputeStep.at)
        .join(PaymentRequest, PaymentRequest.id == Dispute.request_id)
        .join(DisputeStep, DisputeStep.dispute_id == Dispute.id)
        .order_by(Dispute.heard_at.desc(), Dispute.id.desc())
    )
    if request_id is not None:
        statement = statement.where(Dispute.request_id == request_id)
    if undecided:
        statement = statement.where(~_IS_DECIDED)
    found: dict[UUID, Disputed] = {}
    order = list(DisputeState)
    for dispute, number, state, at in session.execute(statement.limit(_MOST_SHOWN * len(order))):
        known = found.get(dispute.id)
        if known is None or order.index(state) > order.index(known.state):
            found[dispute.id] = Disputed(dispute, number, state, at)
    return list(found.values())[:_MOST_SHOWN]


def disputed_checkouts(session: Session, provider: str, decided_since: datetime) -> Sequence[str]:
    """The checkouts of disputes that nobody decided yet, or since then: the money may move after the word."""
    return session.scalars(
        select(Dispute.checkout_id)
        .where(Dispute.provider == provider, ~(_IS_DECIDED.where(_STEP.at < decided_since)))
        .distinct()
        .order_by(Dispute.checkout_id)
    ).all()
