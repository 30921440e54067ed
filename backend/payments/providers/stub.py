"""A provider for development and tests: keeps its state, signs its messages, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from backend.payments.providers import DisputeMove, DisputeSeen, Message, Opened, PaymentSeen, PaymentState
from backend.payments.providers.signing import check_signature, signed
from backend.payments.rules.errors import (
    ProviderRefused,
    ProviderUnavailable,
    RefundPending,
    WebhookRefused,
)
from backend.payments.rules.money import Money
from schemas.payments import DisputeState

SIGNATURE = "Stub-Signature"


class Fault(StrEnum):
    """What goes wrong the next time it can."""

    TIMEOUT_AFTER_OPENING = "timeout_after_opening"
    TIMEOUT_AFTER_REFUNDING = "timeout_after_refunding"
    AWAY = "away"
    REFUND_FAILS = "refund_fails"
    REFUND_PENDS = "refund_pends"


@dataclass
class StubPayment:
    """A checkout at the stub and what became of it."""

    checkout_id: str
    request_id: UUID
    money: Money
    opened_here: bool = True
    state: PaymentState = PaymentState.OPEN
    dispute: DisputeSeen | None = None
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def payment_id(self) -> str:
        """Its business key."""
        return f"pay_{self.checkout_id}"


@dataclass(frozen=True)
class Webhook:
    """A message as it goes over the wire."""

    raw: bytes
    headers: Mapping[str, str]


class StubProvider:
    """See `backend.payments.providers.Provider`. `secret` signs messages; at `page` its customers pay."""

    name = "stub"
    account = "acct_stub"
    live = False

    def __init__(self, secret: bytes, page: str) -> None:
        self._secret = secret
        self._page = page.rstrip("/")
        self._lock = threading.Lock()
        self._by_key: dict[str, StubPayment] = {}
        self._payments: dict[str, StubPayment] = {}
        self._faults: Counter[Fault] = Counter()
        self._events = 0
        self._payouts: list[Money] = []

    # What Doorstep asks of it

    def takes(self, money: Money) -> bool:
        """Everything positive."""
        return money.minor > 0

    def open_checkout(self, request_id: UUID, money: Money, *, key: str, words: str, back: str) -> Opened:
        """A checkout; the same key gives the same one, whatever was heard of it."""
        del words, back
        self._stumble(Fault.AWAY)
        with self._lock:
            payment = self._by_key.get(key)
            if payment is None:
                # Derived, so that a stub that was started again still knows what it opened before.
                token = hmac.new(self._secret, key.encode(), hashlib.sha256).hexdigest()[:24]
                payment = self._by_key[key] = StubPayment(f"co_{token}", request_id, money)
                self._payments[payment.checkout_id] = payment
        self._stumble(Fault.TIMEOUT_AFTER_OPENING)
        return Opened(payment.checkout_id, f"{self._page}/{payment.checkout_id}")

    def read_message(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> Message:
        """The signature first, then what it says."""
        check_signature(raw, headers.get(SIGNATURE.lower(), ""), self._secret, now)
        message = self.recall_message(raw)
        said = json.loads(raw)
        if said.get("account") != self.account or said.get("live") is not self.live:
            raise WebhookRefused("The message is of another account or mode.", reason="not-ours")
        return message

    def recall_message(self, raw: bytes) -> Message:
        """What it says, believed."""
        try:
            said = json.loads(raw)
            return Message(str(said["id"]), str(said["type"]), said.get("checkout"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WebhookRefused("The message is signed and cannot be read.", reason="unreadable") from error

    def look_at(self, checkout_id: str) -> PaymentSeen:
        """How a payment stands."""
        self._stumble(Fault.AWAY)
        payment = self._payment(checkout_id)
        return PaymentSeen(
            state=payment.state,
            payment_id=None if payment.state is PaymentState.OPEN else payment.payment_id,
            request_id=payment.request_id,
            money=payment.money,
            live=self.live,
            account=self.account,
            checkout_id=checkout_id,
            opened_here=payment.opened_here,
            disputes=(payment.dispute,) if payment.dispute else (),
        )

    def refund(self, payment_id: str, money: Money, *, key: str) -> bool:
        """Send money back, once per key, and never more than was paid."""
        self._stumble(Fault.AWAY)
        payment = self._payment(payment_id.removeprefix("pay_"))
        with self._lock:
            if self._faults[Fault.REFUND_FAILS]:
                self._faults[Fault.REFUND_FAILS] -= 1
                return False
            if self._faults[Fault.REFUND_PENDS]:
                self._faults[Fault.REFUND_PENDS] -= 1
                raise RefundPending("The stub was told to think about it.")
            given_back = sum(payment.refunds.values())
            if key not in payment.refunds and given_back + money.minor > payment.money.minor:
                raise ProviderRefused("This is more than was paid.")
            payment.refunds.setdefault(key, money.minor)
        self._stumble(Fault.TIMEOUT_AFTER_REFUNDING)
        return True

    def payouts(self, currency: str, since: datetime) -> Sequence[Money]:
        """All of them: the stub remembers no days."""
        del since
        return [money for money in reversed(self._payouts) if money.currency == currency]

    def balance(self, currency: str) -> Money:
        """What it holds for us."""
        held = [payment for payment in self._payments.values() if payment.money.currency == currency]
        paid = sum(payment.money.minor for payment in held if payment.state is PaymentState.PAID)
        moves = [move for payment in held if payment.dispute for move in payment.dispute.moves]
        moved = sum(move.money.minor for move in moves)
        gone = sum(sum(payment.refunds.values()) for payment in held)
        gone += sum(money.minor for money in self._payouts if money.currency == currency)
        return Money(paid + moved - gone, currency)

    # What its customers, and tests, do to it

    def fault(self, fault: Fault, times: int = 1) -> None:
        """Misbehave so the next times."""
        self._faults[fault] += times

    def pay(self, checkout_id: str, now: datetime) -> Webhook:
        """The customer pays; the message that tells so, for whoever delivers it."""
        self._payment(checkout_id).state = PaymentState.PAID
        return self.message("payment.paid", checkout_id, now)

    def dispute(
        self, checkout_id: str, now: datetime, state: DisputeState = DisputeState.WITHDRAWN
    ) -> Webhook:
        """The customer's bank asks about the payment, takes the money back, or decides who has it."""
        payment = self._payment(checkout_id)
        moves = payment.dispute.moves if payment.dispute is not None else ()
        if not moves and state in (DisputeState.WITHDRAWN, DisputeState.LOST):
            moves = (DisputeMove(f"mv_1_{checkout_id}", -payment.money),)
        elif moves and state is DisputeState.WON:
            moves = (*moves, DisputeMove(f"mv_2_{checkout_id}", payment.money))
        payment.dispute = DisputeSeen(
            id=f"dp_{checkout_id}",
            state=state,
            money=payment.money,
            reason="fraudulent",
            moves=moves,
        )
        return self.message(f"payment.dispute_{state.value}", checkout_id, now)

    def pay_out(self, money: Money) -> None:
        """Send what it holds to our bank."""
        self._payouts.append(money)

    def message(self, kind: str, checkout_id: str, now: datetime, **other: object) -> Webhook:
        """A signed message with an id of its own; `other` says something else than what is true."""
        with self._lock:
            self._events += 1
            event_id = f"evt_{self._events}_{checkout_id}"
        said = {
            "id": event_id,
            "type": kind,
            "checkout": checkout_id,
            "account": self.account,
            "live": self.live,
            **other,
        }
        raw = json.dumps(said).encode()
        return Webhook(raw, {SIGNATURE: signed(raw, self._secret, now)})

    def charge_other(self, checkout_id: str, money: Money) -> None:
        """Let a payment be of another amount than was agreed: what nobody must book as if it were right."""
        payment = self._payments[checkout_id]
        changed = replace(payment, money=money)
        self._payments[checkout_id] = changed

    def _payment(self, checkout_id: str) -> StubPayment:
        payment = self._payments.get(checkout_id)
        if payment is None:
            raise ProviderRefused("The stub knows no such checkout.")
        return payment

    def _stumble(self, fault: Fault) -> None:
        with self._lock:
            if not self._faults[fault]:
                return
            self._faults[fault] -= 1
        raise ProviderUnavailable("The stub was told not to answer.")
