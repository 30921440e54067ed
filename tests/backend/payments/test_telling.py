"""Customers hear of their bills by mail or text, and finance sees when they do not."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from backend.outbox.rules import CarrierAway, PermanentFailure
from backend.outbox.sending import send_due
from backend.outbox.transports import Outgoing, Transport
from backend.payments.app import start_outbox, transports
from backend.payments.models import PaymentRequest
from backend.payments.rules.telling import Contact, Texting, mobile_number, way_to_tell
from backend.payments.settings import read_payments_settings
from backend.payments.texts import Gateway, TextFolder, sms_transport
from backend.settings import SettingsError
from backend.visits.models import ConfirmationLink
from backend.visits.queries import token_digest
from schemas.payments import Channel
from schemas.visits import PaymentBadgeState
from tests.api import Client
from tests.backend.outbox.test_sending import wait_for
from tests.backend.payments.sms_gateway import SmsGateway, sms_gateway
from tests.backend.payments.test_providers import checkout_of, tell, work
from tests.backend.payments.world import Firm, an_order, firm_on
from tests.clock import SettableClock
from tests.databases import Databases
from tests.given import customers, visits

MOBILE = "+491701234567"
KEY = "AC17:s3cret"


@pytest.fixture
def gateway() -> Iterator[SmsGateway]:
    with sms_gateway() as running:
        yield running


@pytest.fixture
def firm(
    engine_name: str, databases: Databases, clock: SettableClock, tmp_path: Path, gateway: SmsGateway
) -> Iterator[Firm]:
    """A firm of Germany that sends texts by the gateway."""
    over = {"sms_url": gateway.url, "sms_sender": "Doorstep", "sms_key": KEY, "country": "DE"}
    with firm_on(databases, engine_name, clock, tmp_path, **over) as made:
        yield made


def notice(client: Client, request: PaymentRequest) -> dict[str, Any]:
    seen: dict[str, Any] = client.get(f"/payment-requests/{request.id}").json["notice"]
    return seen


def link_of(firm: Firm, request: PaymentRequest) -> str:
    return firm.payments.terms.links.address_of(request.id)


def a_text(**over: Any) -> Outgoing:
    payload = {"to": MOBILE, "text": "Doorstep: your bill", **over}
    return Outgoing(uuid4(), "sms", "k", payload, datetime(2026, 3, 2, 8, tzinfo=UTC), 1)


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("+49 170 1234567", None, MOBILE),
        ("+49 (0)170 / 12345-67", None, MOBILE),
        ("0170 1234567", "DE", MOBILE),
        ("0049 170 1234567", "DE", MOBILE),
        ("+1 212 155 0100", None, None),
        ("+1 212 736 5000", None, "+12127365000"),
        ("0170 1234567", None, None),
        ("030 901820", "DE", None),
        ("+49 30 901820", None, None),
        ("+49 170", None, None),
        ("not a number", "DE", None),
        ("", "DE", None),
    ],
)
def test_a_number_is_dialled_from_anywhere_or_is_not_texted(
    typed: str, country: str | None, number: str | None
) -> None:
    """A landline takes no text, and neither does a number that nobody can have."""
    assert mobile_number(typed, country) == number


def test_the_way_to_tell_is_the_wanted_one_else_mail_else_a_text() -> None:
    both, texting = Contact("a@b.example", MOBILE), Texting(is_offered=True)
    by_mail, by_text = (Channel.MAIL, "a@b.example"), (Channel.SMS, MOBILE)
    assert way_to_tell(both, None, texting) == by_mail
    assert way_to_tell(both, Channel.SMS, texting) == by_text
    assert way_to_tell(both, Channel.SMS, Texting()) == by_mail
    assert way_to_tell(Contact(None, MOBILE), Channel.MAIL, texting) == by_text
    assert way_to_tell(Contact(None, MOBILE), None, Texting()) is None
    assert way_to_tell(Contact(None, "030 1"), None, texting) is None


def test_a_mail_server_that_does_not_answer_holds_up_no_badge(
    databases: Databases, clock: SettableClock, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        url = f"smtp://127.0.0.1:{hole.getsockname()[1]}"
        with firm_on(databases, "sqlite", clock, tmp_path, mail_url=url) as firm:
            request = firm.billed()
            workers = start_outbox(firm.payments)
            hole.settimeout(10)
            attempt, _ = hole.accept()
            with attempt:
                tell(firm, firm.stub.pay(checkout_of(firm, request), firm.clock()))
                work(firm)
                wait_for(lambda: firm.badge(request) is PaymentBadgeState.PAID)
                mail = "SELECT attempts FROM outbox_messages WHERE kind = 'mail' AND state = 'due'"
                with firm.payments.factory.begin(write=False) as uow:
                    assert uow.session.execute(text(mail)).all() == [(1,)], "the attempt at it still waits"
            assert all(worker.stop() for worker in workers)


def test_a_customer_without_a_mail_address_gets_the_link_by_text_and_no_sum(
    firm: Firm, noor: Client, gateway: SmsGateway
) -> None:
    request = firm.billed(14_550, contact={"phone": "0170 1234567"})
    assert notice(noor, request)["state"] == "waiting"
    send_due(firm.payments.factory, transports(firm.payments))
    assert gateway.taken == [], "mails wait for no gateway"
    firm.deliver()
    (sent,) = gateway.taken
    assert (sent["To"], sent["From"]) == (MOBILE, "Doorstep")
    assert link_of(firm, request) in sent["Body"]
    assert sent["Body"].startswith("Doorstep: ")
    for private in ("145", "Ada", request.summary, request.number, request.reference):
        assert private not in sent["Body"]
    assert len(sent["Body"]) < 160
    assert firm.mails() == []
    said = notice(noor, request)
    assert (said["state"], said["channel"], said["address"], said["why"]) == ("sent", "sms", MOBILE, None)
    token = link_of(firm, request).rpartition("/")[2]
    with firm.payments.factory.begin(write=False) as uow:
        kept = uow.session.execute(text("SELECT payload FROM outbox_messages WHERE kind = 'sms'")).all()
    assert token not in str(kept)


def test_who_has_a_mail_address_gets_a_mail_unless_they_want_texts(
    firm: Firm, noor: Client, gateway: SmsGateway
) -> None:
    contact = {"email": "ada@example.org", "phone": MOBILE}
    with firm.field.begin() as uow:
        customer = customers.a_customer(uow, **contact)
        site = customers.a_site(uow, customer_id=customer.id)
        orders = [visits.a_work_order(uow, site_id=site.id).id for _ in range(2)]
    first = firm.billed(1_000, work_order_id=orders[0])
    assert notice(noor, first)["channel"] == "mail"
    address = f"/customers/{customer.id}/set-bill-channel"
    for wanted in ("mail", "sms"):
        firm.clock.advance(seconds=1)
        assert noor.post(address, {"channel": wanted}).json["channel"] == wanted
    second = firm.billed(1_000, work_order_id=orders[1])
    assert notice(noor, second)["channel"] == "sms"
    firm.deliver()
    assert [sent["To"] for sent in gateway.taken] == [MOBILE]
    assert len(firm.mails()) == 1
    assert noor.post(address, {"channel": "pigeon"}).status_code == 422


def test_finance_sees_that_nobody_was_told_and_sends_the_link_once_there_is_a_way(
    firm: Firm, noor: Client, gateway: SmsGateway
) -> None:
    request = firm.billed(contact={"phone": "030 901820"})
    firm.deliver()
    said = notice(noor, request)
    assert (said["state"], said["channel"]) == ("nobody", None)
    assert "No mail address" in said["why"]
    (listed,) = noor.get("/payment-requests").json["items"]
    assert listed["notice"] == said
    send, first = f"/payment-requests/{request.id}/send", {"notice_id": str(uuid4())}
    refused = noor.post(send, first)
    assert (refused.status_code, refused.json["type"].rpartition(":")[2]) == (409, "nobody-to-tell")
    with firm.field.begin() as uow:
        uow.session.execute(
            text("UPDATE customers SET phone = :phone WHERE id = :id"),
            {"phone": MOBILE, "id": _stored(firm, request.customer_id)},
        )
    for _ in range(2):
        assert noor.post(send, first).status_code == 204
    firm.deliver()
    assert [sent["To"] for sent in gateway.taken] == [MOBILE]
    assert notice(noor, request)["state"] == "sent"
    other = firm.asked()
    assert noor.post(f"/payment-requests/{other.id}/send", first).status_code == 409


def test_a_deposit_is_asked_for_by_text_too(firm: Firm, gateway: SmsGateway) -> None:
    with firm.field.begin() as uow:
        order = an_order(uow, {"phone": MOBILE})
    deposit = firm.deposit(5_000, work_order_id=order)
    firm.deliver()
    (sent,) = gateway.taken
    link = link_of(firm, deposit)
    assert sent["Body"] == f"Doorstep: your deposit for work order {deposit.work_order_number}: {link}"


def test_the_link_of_a_visit_has_the_bill_sent_the_way_it_went_before_once_an_hour(
    firm: Firm, gateway: SmsGateway, browser: Client
) -> None:
    work = firm.signed_report(("Labour", 4_711), contact={"phone": MOBILE})
    firm.bill()
    with firm.field.begin() as uow:
        link = ConfirmationLink(
            id=uow.mint_id(),
            visit_id=work.visit_id,
            token_sha256=token_digest("t" * 43),
            expires_at=uow.now + timedelta(days=9),
        )
        uow.add(link)
    for hours, sent in ((0, 1), (1, 2), (0, 2), (1, 3)):
        firm.clock.advance(hours=hours)
        assert browser.send("POST", f"/visits/{'t' * 43}", data={}).status_code == 303
        firm.deliver()
        assert len(gateway.taken) == sent
    assert {text["To"] for text in gateway.taken} == {MOBILE}


def _stored(firm: Firm, id_: UUID) -> object:
    return id_ if firm.is_postgresql else id_.hex


@pytest.mark.parametrize(
    ("status", "answer", "kind", "said"),
    [
        (400, {"code": 21614, "message": MOBILE}, PermanentFailure, "400, code 21614"),
        (404, [], PermanentFailure, "404"),
        (302, {}, PermanentFailure, "302"),
        (401, {"code": MOBILE}, CarrierAway, "401"),
        (403, None, CarrierAway, "403"),
        (408, {}, CarrierAway, "408"),
        (429, {}, CarrierAway, "429"),
        (500, MOBILE, CarrierAway, "500"),
    ],
)
def test_a_refusal_is_told_in_numbers_and_only_what_may_get_better_is_tried_again(
    gateway: SmsGateway, status: int, answer: object, kind: type[Exception], said: str
) -> None:
    """A redirect leads to an address that is in no setting: nobody follows it."""
    gateway.status, gateway.answer, gateway.location = status, answer, f"{gateway.url}/elsewhere"
    with pytest.raises(kind, match=rf"^the gateway answered {said}$"):
        Gateway(gateway.url, "Doorstep", KEY)(a_text())
    assert len(gateway.taken) == 1


@pytest.mark.parametrize(("status", "state", "then"), [(400, "failed", "failed"), (503, "waiting", "sent")])
def test_finance_sees_a_refusal_without_any_secret(
    firm: Firm, noor: Client, gateway: SmsGateway, status: int, state: str, then: str
) -> None:
    gateway.status, gateway.answer = status, {"message": "No."}
    request = firm.billed(contact={"phone": MOBILE})
    with capture_logs() as log:
        firm.deliver()
    said = notice(noor, request)
    assert said["state"] == state
    assert said["why"].endswith(f"the gateway answered {status}")
    for secret in (KEY, "s3cret", MOBILE, link_of(firm, request)):
        assert secret not in f"{log} {said['why']}"
    gateway.status = 201
    firm.clock.advance(minutes=1)
    firm.deliver()
    assert notice(noor, request)["state"] == then


def test_a_gateway_that_is_down_or_slow_is_tried_again_and_holds_up_nobody(gateway: SmsGateway) -> None:
    carry = Gateway(gateway.url, "Doorstep", KEY, timeout=0.2)
    gateway.status = 0
    with pytest.raises(CarrierAway, match=r"cannot be reached \(ReadTimeout\)$"):
        carry(a_text())
    with pytest.raises(CarrierAway, match=r"cannot be reached \(ConnectError\)$"):
        replace(carry, url="http://127.0.0.1:1/")(a_text())


def test_the_key_is_a_password_with_a_colon_and_a_bearer_token_without(gateway: SmsGateway) -> None:
    for key in (KEY, "t0ken"):
        Gateway(gateway.url, "Doorstep", key)(a_text())
    assert gateway.keys == ["Basic QUMxNzpzM2NyZXQ=", "Bearer t0ken"]
    assert "s3cret" not in repr(Gateway(gateway.url, "Doorstep", KEY))


@pytest.mark.parametrize("over", [{"to": "0170 1234567"}, {"to": None}, {"to": f"{MOBILE}\n"}, {"text": ""}])
def test_what_is_no_text_to_a_number_leaves_for_nowhere(gateway: SmsGateway, over: dict[str, Any]) -> None:
    with pytest.raises(PermanentFailure):
        Gateway(gateway.url, "Doorstep", KEY)(a_text(**over))
    assert gateway.taken == []


def test_a_folder_keeps_texts_that_only_we_can_read(tmp_path: Path) -> None:
    carry: Transport = sms_transport("folder:", tmp_path / "sms", sender="Doorstep", key=None)
    message = a_text()
    carry(message)
    carry(message)
    (file,) = (tmp_path / "sms").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert carry == TextFolder(tmp_path / "sms", "Doorstep")


@pytest.mark.parametrize(
    ("url", "sender", "key"),
    [
        ("http://sms.example/send", "Doorstep", KEY),
        ("https://user:password@sms.example/send", "Doorstep", KEY),
        ("https:///send", "Doorstep", KEY),
        ("smpp://sms.example", "Doorstep", KEY),
        ("https://sms.example/send", "", KEY),
        ("https://sms.example/send", "Doorstep", None),
        ("https://sms.example/send", "Doorstep", "kéy"),
    ],
)
def test_a_setting_that_would_send_in_the_open_or_without_a_key_is_refused(
    url: str, sender: str, key: str | None, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="texts"):
        sms_transport(url, tmp_path, sender=sender, key=key)


def test_settings_of_texts(lite_firm: Firm) -> None:
    """Without an address nothing carries texts, and no number is ever asked for one."""
    assert "sms" not in transports(lite_firm.payments)
    assert not lite_firm.payments.terms.texting.is_offered
    env = {"DOORSTEP_PAYMENTS_SMS_URL": "folder:", "DOORSTEP_PAYMENTS_COUNTRY": "DE"}
    read = read_payments_settings(env)
    assert (read.sms_url, read.country) == ("folder:", "DE")
    with pytest.raises(SettingsError, match="COUNTRY"):
        read_payments_settings({"DOORSTEP_PAYMENTS_COUNTRY": "Germany"})
