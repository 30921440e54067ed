"""Carries what the ledger derives to the one badge the field has per work order: `paid` or `none`."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

from backend.db.unit_of_work import UnitOfWork
from backend.outbox.transports import Outgoing
from backend.payments import queries
from backend.payments.databases import TwoSides
from backend.payments.queries import field_side
from backend.payments.rules.standing import Standing
from schemas.payments import RequestKind
from schemas.visits import PaymentBadgeState

KIND = "badge"
"""The kind of outbox message that asks for a badge to be brought up to date."""


def badge_state(standings: Iterable[Standing]) -> PaymentBadgeState:
    """`paid` when bills of a work order were paid and nothing is owed on it any more.

    A deposit alone is `none`: the work has not been billed, and what it will cost nobody knows.
    """
    every = list(standings)
    settled = all(standing.owed == 0 for standing in every)
    paid = any(standing.has_money for standing in every if standing.kind is RequestKind.BILL)
    return PaymentBadgeState.PAID if settled and paid else PaymentBadgeState.NONE


def derived_badge(session: Session, work_order_id: UUID) -> PaymentBadgeState:
    """What the badge of a work order has to say, by the ledger as it is now."""
    request_ids = queries.requests_of_work_order(session, work_order_id)
    return badge_state(queries.standings(session, request_ids).values())


def ask_for_badge(uow: UnitOfWork, work_order_id: UUID, occasion: str) -> None:
    """Have the badge brought up to date after this transaction; `occasion` makes the message its own."""
    uow.post(KIND, {"work_order_id": str(work_order_id)}, key=f"{work_order_id}:{occasion}")


def project_badge(sides: TwoSides, work_order_id: UUID) -> None:
    """Bring one badge up to date: as often as one likes, by as many as one likes, in any order.

    The badge is held first and the ledger read then, so that the last to write has read the latest. Nothing
    is written while the answer stays what it was: a row or a revision more would tell that money moved.
    """
    with sides.field.begin() as field:
        held = field_side.badge_held(field, work_order_id)
        with sides.ledger.begin(write=False) as ledger:
            wanted = derived_badge(ledger.session, work_order_id)
        if wanted is not held.state:
            field_side.show_badge(field, held, wanted)


class BadgeTransport:
    """Carries outbox messages of kind "badge" (`backend.outbox.transports.Transport`)."""

    def __init__(self, sides: TwoSides) -> None:
        self._sides = sides

    def __call__(self, message: Outgoing) -> None:
        project_badge(self._sides, UUID(message.payload["work_order_id"]))
