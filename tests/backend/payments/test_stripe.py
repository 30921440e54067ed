"""The Stripe adapter against a Stripe that keeps state, through the official library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

from backend.payments import queries
from backend.payments.checkouts import open_checkout
from backend.payments.inbox import Providers, take_message, work_inbox
from backend.payments.providers.signing import signed
from backend.payments.providers.stripe import StripeProvider
from backend.payments.rules.errors import (
    PaymentNotOurs,
    ProviderRefused,
    ProviderUnavailable,
    RefundPending,
    WebhookRefused,
)
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind
from tests.backend.payments.world import Firm

SECRET = "whsec_of_tests"


class FakeStripe(stripe.HTTPClient):
    """Answers what the library asks over HTTP: sessions, refunds, balance; each idempotency key once."""

    name = "fake"

    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.disputes: list[dict[str, Any]] = []
        self.payouts: list[dict[str, Any]] = []
        self.by_key: dict[str, dict[str, Any]] = {}
        self.is_away = False

    def request(
        self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        if self.is_away:
            raise stripe.APIConnectionError("away")
        path, given = urlsplit(url).path, parse_qs(post_data or urlsplit(url).query)
        assert headers["Stripe-Version"] == "2026-10-28.endive"
        key = headers.get("Idempotency-Key") if method == "post" else None
        if key not in self.by_key:
            answer = self._answer(method, path, {name: value[0] for name, value in given.items()})
            if key is None:
                return answer
            self.by_key[key] = {"answer": answer}
        kept: tuple[str, int, Mapping[str, str]] = self.by_key[key]["answer"]
        return kept

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, method: str, path: str, given: dict[str, str]) -> tuple[str, int, Mapping[str, str]]:
        if (method, path) == ("post", "/v1/checkout/sessions"):
            return self._ok(self._open(given))
        if path == "/v1/checkout/sessions":
            found = [
                each
                for each in self.sessions.values()
                if (each["payment_intent"] or {}).get("id") == given["payment_intent"]
            ]
            return self._ok({"object": "list", "data": found, "has_more": False, "url": path})
        if path.startswith("/v1/checkout/sessions/") and path.rpartition("/")[2] in self.sessions:
            return self._ok(self.sessions[path.rpartition("/")[2]])
        if (method, path) == ("post", "/v1/refunds"):
            made = {
                "object": "refund",
                "id": f"re_{len(self.refunds)}",
                "status": "succeeded",
                "amount": int(given["amount"]),
                "metadata": {"refund_id": given["metadata[refund_id]"]},
            }
            self.refunds.append(made)
            return self._ok(made)
        if path == "/v1/refunds":
            return self._ok({"object": "list", "data": self.refunds, "has_more": False, "url": path})
        if path == "/v1/disputes":
            return self._ok({"object": "list", "data": self.disputes, "has_more": False, "url": path})
        if path == "/v1/payouts":
            assert set(given) == {"created[gte]", "limit"}
            return self._ok({"object": "list", "data": self.payouts, "has_more": False, "url": path})
        if path == "/v1/balance":
            paid = sum(each["amount_total"] for each in self.sessions.values() if each["payment_intent"])
            fees = 30 * sum(1 for each in self.sessions.values() if each["payment_intent"])
            back = sum(refund["amount"] for refund in self.refunds)
            moves = [move for dispute in self.disputes for move in dispute["balance_transactions"]]
            moved = sum(move["amount"] - move["fee"] for move in moves)
            held = [{"amount": paid - fees - back + moved, "currency": "eur"}]
            return self._ok({"object": "balance", "available": held, "pending": []})
        missing = {
            "error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such"}
        }
        return json.dumps(missing), 404, {}

    def _open(self, given: dict[str, str]) -> dict[str, Any]:
        name = f"cs_test_{len(self.sessions)}"
        self.sessions[name] = {
            "object": "checkout.session",
            "id": name,
            "url": f"https://checkout.stripe.com/c/{name}",
            "client_reference_id": given["client_reference_id"],
            "metadata": {"opened_by": given["metadata[opened_by]"]},
            "amount_total": int(given["line_items[0][price_data][unit_amount]"]),
            "currency": given["line_items[0][price_data][currency]"],
            "livemode": False,
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
        }
        return self.sessions[name]

    def _ok(self, answer: dict[str, Any]) -> tuple[str, int, Mapping[str, str]]:
        return json.dumps(answer), 200, {}

    def pay(self, session: str) -> None:
        """The customer pays with a card; Stripe keeps 30 cents."""
        charge = {
            "object": "charge",
            "id": "ch_1",
            "disputed": False,
            "balance_transaction": {
                "object": "balance_transaction",
                "id": "txn_1",
                "fee": 30,
                "currency": "eur",
            },
        }
        intent = {"object": "payment_intent", "id": f"pi_{session}", "latest_charge": charge}
        self.sessions[session] |= {
            "payment_status": "paid",
            "status": "complete",
            "payment_intent": intent,
        }

    def dispute(self, session: str) -> dict[str, Any]:
        """The holder's bank disputes the whole payment; what it does next is done to the answer."""
        intent = self.sessions[session]["payment_intent"]
        intent["latest_charge"]["disputed"] = True
        self.disputes.append(
            {
                "object": "dispute",
                "id": "dp_1",
                "payment_intent": intent["id"],
                "amount": self.sessions[session]["amount_total"],
                "currency": "eur",
                "reason": "fraudulent",
                "status": "needs_response",
                "balance_transactions": [],
                "evidence_details": {"due_by": 1_780_000_000},
            }
        )
        return self.disputes[-1]


@pytest.fixture
def fake() -> FakeStripe:
    return FakeStripe()


@pytest.fixture
def card(fake: FakeStripe) -> StripeProvider:
    return StripeProvider("sk_test_of_tests", SECRET, fake)


def event(kind: str, about: Mapping[str, Any], **other: Any) -> bytes:
    said = {"id": f"evt_{kind}", "type": kind, "livemode": False, "data": {"object": about}, **other}
    return json.dumps(said).encode()


def tell(firm: Firm, card: StripeProvider, raw: bytes, away: float = 0) -> bool:
    header = signed(raw, SECRET.encode(), firm.clock() + timedelta(seconds=away))
    return take_message(firm.payments.factory, card, raw, {"stripe-signature": header})


def balance(firm: Firm, kind: AccountKind) -> int:
    with firm.payments.factory.begin(write=False) as uow:
        return queries.balance(uow.session, Account(kind, "EUR", detail="stripe"))


def test_a_card_payment_with_its_fee_is_posted_once_whatever_tells_of_it(
    lite_firm: Firm, fake: FakeStripe, card: StripeProvider
) -> None:
    request = lite_firm.asked()
    factory = lite_firm.payments.factory
    address = open_checkout(factory, card, request.id, firm="Doorstep", back="http://x")
    assert open_checkout(factory, card, request.id, firm="Doorstep", back="http://x") == address
    assert address == "https://checkout.stripe.com/c/cs_test_0"
    every: Providers = {"stripe": card}
    session = fake.sessions["cs_test_0"]
    tell(lite_firm, card, event("checkout.session.completed", session))
    assert work_inbox(factory, every) == 1
    assert lite_firm.standing(request).state == "open"  # completed is not paid: a transfer may be under way
    fake.pay("cs_test_0")
    tell(lite_firm, card, event("checkout.session.async_payment_succeeded", session))
    tell(lite_firm, card, event("charge.updated", {"object": "charge", "payment_intent": "pi_cs_test_0"}))
    tell(lite_firm, card, event("account.updated", {"object": "account"}))
    assert work_inbox(factory, every) == 3
    assert lite_firm.standing(request).state == "paid"
    assert balance(lite_firm, AccountKind.FEES) == 30
    assert (
        Money(balance(lite_firm, AccountKind.CLEARING), "EUR") == card.balance("EUR") == Money(14_520, "EUR")
    )
    dispute = fake.dispute("cs_test_0")
    for kind, status, move, owed in (
        ("created", "warning_needs_response", None, 0),
        ("funds_withdrawn", "needs_response", (-14_550, 1_500), 14_550),
        ("closed", "won", None, 14_550),
        ("funds_reinstated", "won", (14_550, -1_500), 0),
    ):
        dispute["status"] = status
        if move is not None:
            moved = {"object": "balance_transaction", "id": f"txn_{kind}", "currency": "eur"}
            moved |= {"amount": move[0], "fee": move[1]}
            dispute["balance_transactions"].append(moved)
        tell(lite_firm, card, event(f"charge.dispute.{kind}", dispute))
        work_inbox(factory, every)
        assert lite_firm.standing(request).owed == owed, kind
        held = Money(balance(lite_firm, AccountKind.CLEARING), "EUR")
        assert held == card.balance("EUR"), kind
    assert balance(lite_firm, AccountKind.FEES) == 30


def test_payments_of_another_shop_of_the_account_are_told_apart_from_checkouts_that_are_not_there(
    fake: FakeStripe, card: StripeProvider
) -> None:
    setup = {"object": "checkout.session", "id": "cs_setup", "currency": None, "payment_intent": None}
    fake.sessions["cs_setup"] = setup
    for strange in ("pi_of_an_invoice", "cs_setup"):
        with pytest.raises(PaymentNotOurs):
            card.look_at(strange)
    with pytest.raises(ProviderRefused) as unknown:
        card.look_at("cs_nowhere")
    assert not isinstance(unknown.value, PaymentNotOurs)


def test_a_refund_is_made_once_even_when_stripe_has_forgotten_its_key(
    fake: FakeStripe, card: StripeProvider
) -> None:
    for _ in range(2):
        assert card.refund("pi_1", Money(500, "EUR"), key="refund-1")
        fake.by_key.clear()
    assert len(fake.refunds) == 1
    fake.refunds[0]["status"] = "pending"
    with pytest.raises(RefundPending):
        card.refund("pi_1", Money(500, "EUR"), key="refund-1")
    fake.refunds[0]["status"] = "failed"
    assert not card.refund("pi_1", Money(500, "EUR"), key="refund-1")


def test_payouts_are_told_but_those_that_failed(
    lite_firm: Firm, fake: FakeStripe, card: StripeProvider
) -> None:
    told = [("in_transit", "eur", 900), ("failed", "eur", 800), ("paid", "usd", 700), ("paid", "eur", 600)]
    for status, currency, amount in told:
        payout = {"object": "payout", "id": "po_1", "status": status, "currency": currency, "amount": amount}
        fake.payouts.append(payout)
    assert card.payouts("EUR", lite_firm.clock()) == [Money(900, "EUR"), Money(600, "EUR")]


def test_no_answer_is_no_answer_and_a_no_is_a_no(fake: FakeStripe, card: StripeProvider) -> None:
    with pytest.raises(ProviderRefused):
        card.look_at("cs_test_unknown")
    fake.is_away = True
    for ask in (lambda: card.look_at("cs_test_0"), lambda: card.balance("EUR")):
        with pytest.raises(ProviderUnavailable):
            ask()


@pytest.mark.parametrize("away", [-301, 301])
def test_an_event_from_another_time_is_refused(lite_firm: Firm, card: StripeProvider, away: float) -> None:
    with pytest.raises(WebhookRefused, match="seconds"):
        tell(lite_firm, card, event("charge.updated", {}), away)


@pytest.mark.parametrize(
    "raw",
    [
        event("charge.updated", {}, livemode=True),
        event("charge.updated", {}, account="acct_other"),
        b"{}",
        b"[]",
        b"\xff",
    ],
)
def test_an_event_of_another_mode_or_account_is_refused(
    lite_firm: Firm, card: StripeProvider, raw: bytes
) -> None:
    with pytest.raises(WebhookRefused):
        tell(lite_firm, card, raw)


def test_an_event_signed_by_somebody_else_is_refused(lite_firm: Firm, card: StripeProvider) -> None:
    raw = event("charge.updated", {})
    header = signed(raw, b"whsec_other", lite_firm.clock())
    with pytest.raises(WebhookRefused):
        card.read_message(raw, {"stripe-signature": header}, lite_firm.clock())
    with pytest.raises(WebhookRefused):
        card.read_message(raw, {}, lite_firm.clock())


def test_what_stripe_counts_otherwise_is_not_offered(card: StripeProvider) -> None:
    assert card.takes(Money(1_500, "JPY"))
    assert card.takes(Money(1_500, "KWD"))
    assert not card.takes(Money(1_505, "KWD"))
    assert not card.takes(Money(1_500, "ISK"))
    assert not card.takes(Money(10**9, "EUR"))


def test_a_key_says_whether_money_is_real() -> None:
    assert not StripeProvider("rk_test_x", SECRET).live
    assert StripeProvider("rk_" + "live_x", SECRET).live
