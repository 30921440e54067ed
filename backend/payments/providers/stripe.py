"""Stripe Checkout by the official library: hosted pages only, no card number ever comes near us."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import stripe

from backend.payments.providers import DisputeMove, DisputeSeen, Message, Opened, PaymentSeen, PaymentState
from backend.payments.providers.signing import stamp_of
from backend.payments.rules.errors import (
    PaymentNotOurs,
    ProviderRefused,
    ProviderUnavailable,
    RefundPending,
    WebhookRefused,
)
from backend.payments.rules.money import Money
from schemas.currencies import CURRENCIES, EXPONENTS
from schemas.payments import DisputeState

API_VERSION = "2026-10-28.endive"
"""Pinned: an upgrade of the account, or of the library, must not change what fields mean."""
OTHER_DECIMALS = frozenset({"ISK", "MGA", "UGX"})
"""Stripe counts these in other minor units than ISO 4217: not offered, before a sum is a hundredfold."""
LARGEST = 99_999_999
TIMEOUT_SECONDS = 20
_RETRIES = 2
_LISTED = 100
_OPENED_BY, _US = "opened_by", "doorstep"  # in the metadata of every session
_DECIDED = {
    "won": DisputeState.WON,
    "prevented": DisputeState.WON,
    "warning_closed": DisputeState.WON,
    "lost": DisputeState.LOST,
}
"""What Stripe calls a dispute that is over; a warning that is closed took nothing."""


class StripeProvider:
    """See `backend.payments.providers.Provider`. `key` may be restricted; it says whether money is real."""

    name = "stripe"

    def __init__(self, key: str, webhook_secret: str, http_client: stripe.HTTPClient | None = None) -> None:
        self._secret = webhook_secret
        self.live = key.startswith(("sk_live_", "rk_live_"))
        self._client = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            max_network_retries=_RETRIES,
            http_client=http_client or stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )

    @property
    def account(self) -> str:
        """Whatever the key opens: another account's objects are not found with it."""
        return self.name

    def takes(self, money: Money) -> bool:
        """What Stripe counts as we do; three decimals only when the last one is 0."""
        if money.currency in OTHER_DECIMALS or not 0 < money.minor <= LARGEST:
            return False
        return EXPONENTS[money.currency] < 3 or money.minor % 10 == 0

    def open_checkout(self, request_id: UUID, money: Money, *, key: str, words: str, back: str) -> Opened:
        """A Checkout Session for exactly this."""
        with _told():
            session = self._client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "client_reference_id": str(request_id),
                    "metadata": {_OPENED_BY: _US},
                    "line_items": [
                        {
                            "price_data": {
                                "currency": money.currency.lower(),
                                "unit_amount": money.minor,
                                "product_data": {"name": words},
                            },
                            "quantity": 1,
                        }
                    ],
                    "success_url": back,
                    "cancel_url": back,
                },
                {"idempotency_key": key},
            )
        if not session.url:
            raise ProviderRefused("Stripe opened no page for this payment.")
        return Opened(session.id, session.url)

    def read_message(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> Message:
        """The library checks the signature over the raw bytes; the time is checked here, both ways."""
        header = headers.get("stripe-signature", "")
        stamp_of(header, now)
        try:
            stripe.WebhookSignature.verify_header(raw, header, self._secret)
        except stripe.SignatureVerificationError as error:
            raise WebhookRefused("The signature is not right.", reason="signature") from error
        except ValueError as error:
            raise WebhookRefused("The message is signed and cannot be read.", reason="unreadable") from error
        message = self.recall_message(raw)
        event = json.loads(raw)
        if event.get("livemode") is not self.live or event.get("account"):
            raise WebhookRefused("The message is of another account or mode.", reason="not-ours")
        return message

    def recall_message(self, raw: bytes) -> Message:
        """What an event says, believed: which session or payment it is about."""
        try:
            event = json.loads(raw)
            return Message(str(event["id"]), str(event["type"]), _subject(event["data"]["object"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WebhookRefused("The message is signed and cannot be read.", reason="unreadable") from error

    def look_at(self, checkout_id: str) -> PaymentSeen:
        """How a session (`cs_…`), or the session of a payment (`pi_…`), stands."""
        expanded = ["payment_intent.latest_charge.balance_transaction"]
        with _told():
            if checkout_id.startswith("pi_"):
                found = self._client.v1.checkout.sessions.list({"payment_intent": checkout_id}).data
                if not found:
                    raise PaymentNotOurs("This payment was not opened by us.")
                checkout_id = found[0].id
            found_now = self._client.v1.checkout.sessions.retrieve(checkout_id, {"expand": expanded})
            session: dict[str, Any] = found_now.to_dict()
            disputes = self._disputes_of(session)
        return _seen(session, self.account, disputes)

    def _disputes_of(self, session: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What is or was disputed of a session's payment; Stripe is asked only when there is something."""
        payment = _part(session, "payment_intent")
        if not _part(payment, "latest_charge").get("disputed"):
            return []
        listed = self._client.v1.disputes.list({"payment_intent": str(payment["id"]), "limit": _LISTED})
        return [dispute.to_dict() for dispute in listed.data]

    def refund(self, payment_id: str, money: Money, *, key: str) -> bool:
        """Send money back, once per key: Stripe forgets keys after a day, so its refunds are asked first."""
        with _told():
            listed = self._client.v1.refunds.list({"payment_intent": payment_id, "limit": _LISTED}).data
            every: list[dict[str, Any]] = [refund.to_dict() for refund in listed]
            ours = [refund for refund in every if (refund.get("metadata") or {}).get("refund_id") == key]
            status = ours[0]["status"] if ours else self._refund_anew(payment_id, money, key)
        if status not in ("succeeded", "failed", "canceled"):
            raise RefundPending("Stripe has taken the refund on; it is asked again.")
        return bool(status == "succeeded")

    def _refund_anew(self, payment_id: str, money: Money, key: str) -> str | None:
        made = self._client.v1.refunds.create(
            {"payment_intent": payment_id, "amount": money.minor, "metadata": {"refund_id": key}},
            {"idempotency_key": key},
        )
        return made.status

    def payouts(self, currency: str, since: datetime) -> Sequence[Money]:
        """Payouts that did not fail; Stripe takes what it pays out off the balance at once."""
        asked = {"created": {"gte": int(since.timestamp())}, "limit": _LISTED}
        with _told():
            listed = self._client.v1.payouts.list(asked).data  # type: ignore[arg-type]
            every: list[dict[str, Any]] = [payout.to_dict() for payout in listed]
        return [
            Money(int(each["amount"]), currency)
            for each in every
            if str(each["currency"]).upper() == currency and each["status"] not in ("failed", "canceled")
        ]

    def balance(self, currency: str) -> Money:
        """What Stripe holds for us, available or not yet."""
        with _told():
            held: dict[str, Any] = self._client.v1.balance.retrieve().to_dict()
        every = [*held["available"], *held["pending"]]
        ours = [int(each["amount"]) for each in every if str(each["currency"]).upper() == currency]
        return Money(sum(ours), currency)


@contextmanager
def _told() -> Iterator[None]:
    """What the library raises, in our words: only a clear no is a no."""
    try:
        yield
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise ProviderRefused(f"Stripe: {error.code or 'refused'}") from error
    except stripe.StripeError as error:
        raise ProviderUnavailable("Stripe does not answer as it should; it is asked again.") from error


def _subject(about: Mapping[str, Any]) -> str | None:
    """What a message is about: a session, or the payment of a charge, dispute or refund."""
    if about.get("object") == "checkout.session":
        return str(about["id"])
    payment = about.get("payment_intent")
    return str(payment) if isinstance(payment, str) else None


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object within another; empty where there is none, or only its name."""
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _seen(
    session: Mapping[str, Any], account: str, disputes: Iterable[Mapping[str, Any]] = ()
) -> PaymentSeen:
    payment = _part(session, "payment_intent")
    charge = _part(payment, "latest_charge")
    currency = str(session.get("currency") or "").upper()
    if currency not in CURRENCIES:
        raise PaymentNotOurs("Stripe names no currency for this payment, as none of ours.")
    try:
        request_id = UUID(str(session.get("client_reference_id")))
    except ValueError:
        request_id = None
    return PaymentSeen(
        state=_state(session),
        payment_id=payment.get("id"),
        request_id=request_id,
        money=Money(int(session.get("amount_total") or 0), currency),
        live=bool(session.get("livemode")),
        account=account,
        checkout_id=str(session["id"]),
        opened_here=_part(session, "metadata").get(_OPENED_BY) == _US,
        fee=_fee(charge, currency),
        disputes=tuple(_dispute(each) for each in disputes),
    )


def _state(session: Mapping[str, Any]) -> PaymentState:
    if session.get("payment_status") == "paid":
        return PaymentState.PAID
    return PaymentState.GONE if session.get("status") == "expired" else PaymentState.OPEN


def _dispute(said: Mapping[str, Any]) -> DisputeSeen:
    """What moved is read from the movements, not from the state: a bank may ask and never take."""
    money = Money(int(said["amount"]), str(said["currency"]).upper())
    moved = [each for each in said.get("balance_transactions") or () if isinstance(each, Mapping)]
    moved.sort(key=lambda each: (int(each.get("created") or 0), int(each["amount"])))
    due_by = _part(said, "evidence_details").get("due_by")
    undecided = DisputeState.OPENED
    if any(int(each["amount"]) < 0 for each in moved):
        undecided = DisputeState.WITHDRAWN
    return DisputeSeen(
        id=str(said["id"]),
        state=_DECIDED.get(str(said["status"]), undecided),
        money=money,
        reason=str(said.get("reason") or ""),
        moves=tuple(_move(each, money) for each in moved if int(each["amount"])),
        respond_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
    )


def _move(moved: Mapping[str, Any], disputed: Money) -> DisputeMove:
    """Where Stripe settles in another currency, it is the whole disputed amount, and the fee is not known."""
    minor, name = int(moved["amount"]), str(moved["id"])
    if str(moved["currency"]).upper() != disputed.currency:
        return DisputeMove(name, -disputed if minor < 0 else disputed)
    fee = int(moved["fee"])
    return DisputeMove(name, Money(minor, disputed.currency), Money(fee, disputed.currency) if fee else None)


def _fee(charge: Mapping[str, Any], currency: str) -> Money | None:
    """What Stripe kept, when it settles in the currency that was paid."""
    settled = charge.get("balance_transaction")
    if not isinstance(settled, Mapping) or str(settled.get("currency")).upper() != currency:
        return None
    return Money(int(settled["fee"]), currency)
