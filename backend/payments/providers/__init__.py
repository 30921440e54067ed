"""Those who collect money for the firm, behind one small interface that also fits order-id wallets.

A provider opens a checkout for a request, proves that a message is its own, says on demand how a payment
stands, and sends money back. It never posts: what it says is compared with our own rows first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from backend.payments.rules.money import Money
from schemas.payments import DisputeState


class PaymentState(StrEnum):
    """How a payment stands, by what its provider says now; one that is disputed was paid."""

    OPEN = "open"
    PAID = "paid"
    GONE = "gone"


@dataclass(frozen=True)
class Opened:
    """A checkout at the provider: its name there, and where the customer pays."""

    provider_id: str
    url: str


@dataclass(frozen=True)
class Message:
    """A message that is proved to be the provider's: its id, and what to ask `look_at` for, if anything."""

    event_id: str
    kind: str
    checkout_id: str | None


@dataclass(frozen=True)
class DisputeMove:
    """Money that moved because of a dispute, under the provider's `id` of the movement.

    Below 0 it was taken from us, above 0 it came back. `fee`: what the provider kept for that, below 0 what
    it gave back of an earlier fee.
    """

    id: str
    money: Money
    fee: Money | None = None


@dataclass(frozen=True)
class DisputeSeen:
    """A dispute about a payment, as it stands now. `id` is the provider's name for it.

    The state and the money are told apart: `moves` are all movements so far, the oldest first.
    """

    id: str
    state: DisputeState
    money: Money
    reason: str
    moves: tuple[DisputeMove, ...] = ()
    respond_by: datetime | None = None


@dataclass(frozen=True)
class PaymentSeen:
    """A payment, fetched fresh. `payment_id` is the business key: the same in whatever event tells of it.

    `opened_here`: its checkout carries our mark, whatever we remember of it.
    """

    state: PaymentState
    payment_id: str | None
    request_id: UUID | None
    money: Money
    live: bool
    account: str
    checkout_id: str
    opened_here: bool = False
    fee: Money | None = None
    disputes: tuple[DisputeSeen, ...] = ()


class Provider(Protocol):
    """One way to pay. Methods raise ProviderUnavailable (nobody knows) or ProviderRefused (it said no)."""

    @property
    def name(self) -> str:
        """The word for it in the ledger and in addresses."""

    @property
    def account(self) -> str:
        """Our account there: what is paid to another is not ours."""

    @property
    def live(self) -> bool:
        """Whether real money moves; a test message in live mode is refused, and the other way round."""

    def takes(self, money: Money) -> bool:
        """Whether it can collect this amount of this currency."""

    def open_checkout(self, request_id: UUID, money: Money, *, key: str, words: str, back: str) -> Opened:
        """A checkout for exactly this; the same `key` again gives the same one. `back`: our page."""

    def read_message(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> Message:
        """Check the signature over the raw bytes and the time, both ways; raises WebhookRefused."""

    def recall_message(self, raw: bytes) -> Message:
        """What a message says that was checked when it came; raises WebhookRefused when it says nothing.

        Nothing is checked again: the secret may be another by now, and the proof was given.
        """

    def look_at(self, checkout_id: str) -> PaymentSeen:
        """How the payment of a checkout stands now. Raises PaymentNotOurs too: nobody opened one for it."""

    def refund(self, payment_id: str, money: Money, *, key: str) -> bool:
        """Send money back the way it came; the same `key` never does it twice. False: it failed for good.

        Raises RefundPending too: it was taken on, and asking again under the key tells what came of it.
        """

    def payouts(self, currency: str, since: datetime) -> Sequence[Money]:
        """What it sent to our bank since then and was not sent back, the latest first."""

    def balance(self, currency: str) -> Money:
        """What it holds for us, paid out or not yet."""
