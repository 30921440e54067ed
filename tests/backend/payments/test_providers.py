"""Cards and their messages: late, twice, reordered, forged, never; and a provider that stops answering."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from unittest.mock import patch
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from backend.payments import queries, turns
from backend.payments.app import Rounds, create_payments_app
from backend.payments.badges import project_badge
from backend.payments.checkouts import open_checkout
from backend.payments.inbox import poll, take_message, work_inbox
from backend.payments.models import InboxEvent, InboxOutcome, LedgerTransaction, PaymentRequest
from backend.payments.providers import PaymentSeen
from backend.payments.providers.signing import signed
from backend.payments.providers.stub import SIGNATURE, Fault, Webhook
from backend.payments.rules.errors import ProviderUnavailable, WebhookRefused
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind
from backend.payments.settings import read_payments_settings
from backend.settings import SettingsError
from schemas.payments import InboxState
from schemas.visits import PaymentBadgeState
from tests.api import Client
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.world import Firm


def checkout_of(firm: Firm, request: PaymentRequest) -> str:
    """The stub's name of a new checkout for what is owed."""
    address = open_checkout(firm.payments.factory, firm.stub, request.id, firm="Doorstep", back="http://x")
    return urlsplit(address).path.rpartition("/")[2]


def tell(firm: Firm, webhook: Webhook) -> bool:
    headers = {name.lower(): value for name, value in webhook.headers.items()}
    return take_message(firm.payments.factory, firm.stub, webhook.raw, headers)


def work(firm: Firm) -> int:
    return work_inbox(firm.payments.factory, firm.payments.providers)


def outcomes(firm: Firm) -> list[InboxState]:
    with firm.payments.factory.begin(write=False) as uow:
        return list(uow.session.scalars(select(InboxOutcome.state).order_by(InboxOutcome.at)))


def postings(firm: Firm) -> int:
    with firm.payments.factory.begin(write=False) as uow:
        return uow.session.scalar(select(func.count()).select_from(LedgerTransaction)) or 0


def clearing(firm: Firm) -> Money:
    with firm.payments.factory.begin(write=False) as uow:
        account = Account(AccountKind.CLEARING, "EUR", detail="stub")
        return Money(queries.balance(uow.session, account), "EUR")


def test_a_message_told_twice_and_two_messages_about_one_payment_post_once(firm: Firm) -> None:
    request = firm.asked()
    checkout = checkout_of(firm, request)
    paid = firm.stub.pay(checkout, firm.clock())
    assert tell(firm, paid)
    assert not tell(firm, paid)
    assert tell(firm, firm.stub.message("payment.succeeded_late", checkout, firm.clock()))
    before = postings(firm)
    assert work(firm) == 2
    assert postings(firm) == before + 1
    assert sorted(outcomes(firm)) == [InboxState.NOTHING_NEW, InboxState.POSTED]
    assert firm.standing(request).state == "paid"
    assert clearing(firm) == firm.stub.balance("EUR")


def test_a_message_may_come_before_our_own_row(lite_firm: Firm) -> None:
    """F22: the provider opened the checkout, its answer was lost, the customer paid all the same."""
    request = lite_firm.asked()
    lite_firm.stub.fault(Fault.TIMEOUT_AFTER_OPENING)
    with pytest.raises(ProviderUnavailable):
        checkout_of(lite_firm, request)
    (checkout,) = lite_firm.stub._payments
    tell(lite_firm, lite_firm.stub.pay(checkout, lite_firm.clock()))
    assert work(lite_firm) == 0
    assert checkout_of(lite_firm, request) == checkout
    assert work(lite_firm) == 1
    assert lite_firm.standing(request).state == "paid"


@contextmanager
def few_at_once(most: int, *, again: int) -> Iterator[None]:
    with patch.object(turns, "AT_ONCE", most), patch.object(turns, "AGAIN_AT_ONCE", again):
        yield


def test_messages_that_cannot_be_settled_yet_keep_no_later_one_waiting(lite_firm: Firm) -> None:
    """For bills of ours, at checkouts whose rows never come: with room for two a round."""
    for _ in range(3):
        lite_firm.stub.fault(Fault.TIMEOUT_AFTER_OPENING)
        with pytest.raises(ProviderUnavailable):
            checkout_of(lite_firm, lite_firm.asked())
    for checkout in list(lite_firm.stub._payments):
        tell(lite_firm, lite_firm.stub.pay(checkout, lite_firm.clock()))
    paid = lite_firm.asked()
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, paid), lite_firm.clock()))
    inbox = partial(work_inbox, lite_firm.payments.factory, lite_firm.payments.providers, turns.Turns())
    with few_at_once(2, again=1):
        assert [inbox(), inbox()] == [0, 1]
    assert lite_firm.standing(paid).state == "paid"
    lite_firm.clock.advance(hours=2)
    assert inbox() == 3
    assert outcomes(lite_firm) == [InboxState.POSTED, *[InboxState.REFUSED] * 3]


def test_what_another_shop_of_our_account_sells_is_ignored_and_waits_for_nobody(lite_firm: Firm) -> None:
    """Only after an hour: what it is about may be a row of ours that is not there yet."""
    stub, owed = lite_firm.stub, lite_firm.asked()
    for request_id, key in ((uuid4(), "theirs"), (owed.id, "ours")):
        opened = stub.open_checkout(request_id, Money(900, "EUR"), key=key, words="", back="")
        stub._payments[opened.provider_id].opened_here = False
        tell(lite_firm, stub.pay(opened.provider_id, lite_firm.clock()))
    assert work(lite_firm) == 0
    lite_firm.clock.advance(hours=2)
    assert work(lite_firm) == 2
    with lite_firm.payments.factory.begin(write=False) as uow:
        found = {each.state: each.detail for each in uow.session.scalars(select(InboxOutcome))}
        refused = [each.state for each in queries.refused_messages(uow.session)]
    assert found == {
        InboxState.IGNORED: "The payment is for nothing that we asked for.",
        InboxState.REFUSED: "The payment is for a bill of ours, and we know of no such checkout.",
    }
    assert refused == [InboxState.REFUSED], "a bill of ours that was paid elsewhere is for a person to see"
    assert postings(lite_firm) == 1


def test_what_we_opened_and_forgot_is_for_a_person_to_see(lite_firm: Firm) -> None:
    """As after a ledger was restored from a backup: somebody has paid a bill that nobody knows any more."""
    opened = lite_firm.stub.open_checkout(uuid4(), Money(900, "EUR"), key="before", words="", back="")
    tell(lite_firm, lite_firm.stub.pay(opened.provider_id, lite_firm.clock()))
    lite_firm.clock.advance(hours=2)
    assert work(lite_firm) == 1
    assert outcomes(lite_firm) == [InboxState.REFUSED]


def test_a_provider_that_is_away_is_asked_once_in_a_round(lite_firm: Firm) -> None:
    for request in (lite_firm.asked(), lite_firm.asked()):
        tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, request), lite_firm.clock()))
    lite_firm.stub.fault(Fault.AWAY)
    assert work(lite_firm) == 0
    assert work(lite_firm) == 2


def test_a_dispute_heard_of_before_the_payment_leaves_it_owed(lite_firm: Firm) -> None:
    request = lite_firm.asked()
    checkout = checkout_of(lite_firm, request)
    paid = lite_firm.stub.pay(checkout, lite_firm.clock())
    disputed = lite_firm.stub.dispute(checkout, lite_firm.clock())
    for webhook in (disputed, paid):
        tell(lite_firm, webhook)
    work(lite_firm)
    assert (lite_firm.standing(request).state, lite_firm.standing(request).owed) == ("open", 14_550)
    assert clearing(lite_firm) == Money(0, "EUR")


def test_a_message_three_days_late_is_acted_on_and_one_that_never_comes_is_asked_for(firm: Firm) -> None:
    late, never = firm.asked(), firm.asked(2_000)
    webhook = firm.stub.pay(checkout_of(firm, late), firm.clock())
    firm.stub.pay(checkout_of(firm, never), firm.clock())
    firm.clock.advance(days=3)
    resent = Webhook(webhook.raw, {SIGNATURE: signed(webhook.raw, firm.stub._secret, firm.clock())})
    tell(firm, resent)
    work(firm)
    assert firm.standing(late).state == "paid"
    assert firm.standing(never).state == "open"
    since = firm.clock() - timedelta(days=8)
    assert poll(firm.payments.factory, firm.stub, since) == 1
    assert poll(firm.payments.factory, firm.stub, since) == 0
    assert firm.standing(never).state == "paid"


def test_of_two_checkouts_the_first_may_be_the_one_that_is_paid(firm: Firm) -> None:
    request = firm.asked(10_000)
    first = checkout_of(firm, request)
    take(firm, statement_file([Paid(4_000, request.reference)]))
    firm.clock.advance(minutes=1)
    second = checkout_of(firm, request)
    tell(firm, firm.stub.pay(second, firm.clock()))
    work(firm)
    firm.stub.pay(first, firm.clock())  # and nobody tells
    since = firm.clock() - timedelta(days=8)
    assert poll(firm.payments.factory, firm.stub, since) == 1
    assert firm.standing(request).credit == 10_000
    with firm.payments.factory.begin(write=False) as uow:
        assert queries.unanswered_checkouts(uow.session, "stub", since) == []


def test_a_provider_that_is_away_loses_no_message(lite_firm: Firm) -> None:
    request = lite_firm.asked()
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, request), lite_firm.clock()))
    lite_firm.stub.fault(Fault.AWAY)
    assert work(lite_firm) == 0
    assert work(lite_firm) == 1
    assert lite_firm.standing(request).state == "paid"


@pytest.mark.parametrize("money", [Money(1, "EUR"), Money(14_550, "USD"), Money(14_551, "EUR")])
def test_a_payment_of_another_amount_or_currency_is_refused(lite_firm: Firm, money: Money) -> None:
    request = lite_firm.asked()
    checkout = checkout_of(lite_firm, request)
    lite_firm.stub.charge_other(checkout, money)
    tell(lite_firm, lite_firm.stub.pay(checkout, lite_firm.clock()))
    work(lite_firm)
    assert outcomes(lite_firm) == [InboxState.REFUSED]
    assert lite_firm.standing(request).state == "open"


def _unsigned(webhook: Webhook, firm: Firm) -> Webhook:
    return Webhook(webhook.raw, {})


def _reserialised(webhook: Webhook, firm: Firm) -> Webhook:
    return Webhook(json.dumps(json.loads(webhook.raw), indent=1).encode(), webhook.headers)


def _by_another_key(webhook: Webhook, firm: Firm) -> Webhook:
    return Webhook(webhook.raw, {SIGNATURE: signed(webhook.raw, b"another key", firm.clock())})


def _old(webhook: Webhook, firm: Firm) -> Webhook:
    return _signed_at(webhook, firm, timedelta(seconds=-301))


def _future(webhook: Webhook, firm: Firm) -> Webhook:
    return _signed_at(webhook, firm, timedelta(seconds=301))


def _signed_at(webhook: Webhook, firm: Firm, away: timedelta) -> Webhook:
    return Webhook(webhook.raw, {SIGNATURE: signed(webhook.raw, firm.stub._secret, firm.clock() + away)})


def _other_account(webhook: Webhook, firm: Firm) -> Webhook:
    return firm.stub.message("payment.paid", _checkout(webhook), firm.clock(), account="acct_other")


def _live(webhook: Webhook, firm: Firm) -> Webhook:
    return firm.stub.message("payment.paid", _checkout(webhook), firm.clock(), live=True)


def _no_json(webhook: Webhook, firm: Firm) -> Webhook:
    return Webhook(b"[]", {SIGNATURE: signed(b"[]", firm.stub._secret, firm.clock())})


def _checkout(webhook: Webhook) -> str:
    checkout: str = json.loads(webhook.raw)["checkout"]
    return checkout


FORGERIES: Mapping[Callable[[Webhook, Firm], Webhook], str] = {
    _unsigned: "header",
    _reserialised: "signature",
    _by_another_key: "signature",
    _old: "time",
    _future: "time",
    _other_account: "not-ours",
    _live: "not-ours",
    _no_json: "unreadable",
}


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_message_that_is_not_the_providers_is_refused_logged_and_not_kept(
    lite_firm: Firm, forge: Callable[[Webhook, Firm], Webhook]
) -> None:
    """B17, S17."""
    request = lite_firm.asked()
    forged = forge(lite_firm.stub.pay(checkout_of(lite_firm, request), lite_firm.clock()), lite_firm)
    with pytest.raises(WebhookRefused):
        tell(lite_firm, forged)
    browser = Client(create_payments_app(lite_firm.payments))
    with capture_logs() as logs:
        sent = browser.send("POST", "/webhooks/stub", headers=forged.headers, data=forged.raw)
    assert sent.status_code == 422
    refused = {
        "provider": "stub",
        "reason": FORGERIES[forge],
        "event": "webhook.refused",
        "log_level": "warning",
    }
    assert {**refused, "log_level": "warning"} in logs
    with lite_firm.payments.factory.begin(write=False) as uow:
        assert uow.session.scalar(select(func.count()).select_from(InboxEvent)) == 0


def test_a_message_signed_by_the_old_and_the_new_key_is_taken(lite_firm: Firm) -> None:
    webhook = lite_firm.stub.pay(checkout_of(lite_firm, lite_firm.asked()), lite_firm.clock())
    stamp, _, right = webhook.headers[SIGNATURE].partition(",")
    both = Webhook(webhook.raw, {SIGNATURE: f"{stamp},v1={'0' * 64},{right}"})
    assert tell(lite_firm, both)


def test_a_posting_and_the_outcome_of_its_message_are_written_together_or_not_at_all(firm: Firm) -> None:
    request = firm.asked()
    tell(firm, firm.stub.pay(checkout_of(firm, request), firm.clock()))
    before = postings(firm)
    with patch("backend.payments.queries.keep_outcome", side_effect=RuntimeError("it dies here")):
        assert work(firm) == 0
    assert (postings(firm), firm.standing(request).state) == (before, "open")
    assert work(firm) == 1
    assert (postings(firm), outcomes(firm)) == (before + 1, [InboxState.POSTED])


def test_a_message_that_waits_while_the_secret_is_rotated_is_acted_on(lite_firm: Firm) -> None:
    request = lite_firm.asked()
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, request), lite_firm.clock()))
    lite_firm.stub._secret = b"the secret of today"
    assert Rounds(lite_firm.payments).once() == []
    assert lite_firm.standing(request).state == "paid"


def test_a_message_nobody_foresaw_waits_and_holds_up_no_other(lite_firm: Firm) -> None:
    strange, request = lite_firm.asked(2_000), lite_firm.asked()
    puzzle = checkout_of(lite_firm, strange)
    tell(lite_firm, lite_firm.stub.pay(puzzle, lite_firm.clock()))
    lite_firm.clock.advance(seconds=1)
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, request), lite_firm.clock()))
    look_at = lite_firm.stub.look_at

    def puzzled(checkout_id: str) -> PaymentSeen:
        if checkout_id == puzzle:
            raise KeyError("amount_total")
        return look_at(checkout_id)

    with patch.object(lite_firm.stub, "look_at", puzzled), capture_logs() as logs:
        assert work(lite_firm) == 1
    assert lite_firm.standing(request).state == "paid"
    assert [each["event"] for each in logs] == ["inbox.stalled"]
    assert work(lite_firm) == 1
    assert lite_firm.standing(strange).state == "paid"


def test_a_step_of_a_round_that_fails_is_named_and_keeps_no_other_from_it(lite_firm: Firm) -> None:
    request = lite_firm.asked()
    tell(lite_firm, lite_firm.stub.pay(checkout_of(lite_firm, request), lite_firm.clock()))
    failing = patch("backend.payments.app.bill_what_was_approved", side_effect=RuntimeError("boom"))
    with failing, capture_logs() as logs:
        assert Rounds(lite_firm.payments).once() == ["billing"]
    assert [each["step"] for each in logs if each["event"] == "rounds.stalled"] == ["billing"]
    assert lite_firm.standing(request).state == "paid"
    with lite_firm.payments.factory.begin(write=False) as uow:
        assert queries.last_reconciled(uow.session) is not None


def test_the_stub_does_not_stand_beside_a_live_key() -> None:
    env = {"DOORSTEP_PAYMENTS_STRIPE_WEBHOOK_SECRET": "whsec_x", "DOORSTEP_PAYMENTS_STUB_PROVIDER": "1"}
    assert read_payments_settings({**env, "DOORSTEP_PAYMENTS_STRIPE_KEY": "rk_test_x"}).stub_provider
    for key in ("sk_live_x", "rk_live_x"):
        with pytest.raises(SettingsError, match="live"):
            read_payments_settings({**env, "DOORSTEP_PAYMENTS_STRIPE_KEY": key})


def test_a_provider_nobody_knows_has_no_door(lite_firm: Firm) -> None:
    browser = Client(create_payments_app(lite_firm.payments))
    assert browser.send("POST", "/webhooks/paypal", data=b"{}").status_code == 404
    assert browser.send("POST", "/webhooks/stub", data=b"x" * (300 << 10)).status_code == 413


def test_a_storm_of_messages_is_posted_once_each(firm: Firm) -> None:
    """L8 in small: 60 payments, a third told twice, shuffled."""
    requests = [firm.asked(1_000 + position) for position in range(60)]
    webhooks = [firm.stub.pay(checkout_of(firm, each), firm.clock()) for each in requests]
    storm = webhooks + webhooks[::3]
    random.Random(7).shuffle(storm)
    before = postings(firm)
    assert sum(tell(firm, webhook) for webhook in storm) == 60
    assert work(firm) == 60
    assert postings(firm) == before + 60
    assert {firm.standing(each).state for each in requests} == {"paid"}
    assert clearing(firm) == firm.stub.balance("EUR")


def test_a_worker_that_dies_between_posting_and_badge_is_made_up_for(firm: Firm) -> None:
    """F25."""
    request = firm.billed()
    tell(firm, firm.stub.pay(checkout_of(firm, request), firm.clock()))
    work(firm)
    assert firm.badge(request) is None
    firm.deliver()
    assert firm.badge(request) is PaymentBadgeState.PAID
    for _ in range(2):
        project_badge(firm.payments.sides, request.work_order_id)
    assert firm.badge(request) is PaymentBadgeState.PAID
