"""Who may come in at the payments process, written down: finance, whoever holds a link, signed messages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest
import schemathesis
from flask import Flask

from backend.app import connect, unwired_app, wire
from backend.payments.app import create_payments_app
from backend.payments.checks import check_ledger
from backend.payments.people import FinanceDoor
from schemas.access import Role
from schemas.currencies import CURRENCIES
from tests.api import Api, Client
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.world import Firm
from tests.contracts.test_schemathesis import faults_of
from tests.settings import cheap_settings

WHO_MAY = """
GET    /health                                           anybody
GET    /openapi.json                                     anybody
GET    /docs                                             anybody
GET    /docs/<name>                                      anybody
GET    /style.css                                        anybody
GET    /static/<filename>                                anybody
POST   /sessions                                         the right password
GET    /p/<token>                                        the link of a bill
GET    /p/<token>/receipt.pdf                            the link of a bill
POST   /p/<token>/pay/<provider>                         the link of a bill
POST   /p/<token>/asked-for-cash                         the link of a bill
GET    /visits/<token>                                   anybody: it shows nothing
POST   /visits/<token>                                   anybody: it sends to whom the bill went, or to nobody
GET    /stub/<checkout_id>                               anybody, where the stub is switched on
POST   /stub/<checkout_id>                               anybody, where the stub is switched on
POST   /webhooks/<provider>                              the right signature
GET    /payment-requests                                 finance
GET    /payment-requests/<request_id>                    finance
POST   /payment-requests/<request_id>/write_off          finance
POST   /payment-requests/<request_id>/send               finance
POST   /payment-requests/<request_id>/refunds            finance
GET    /customers/<customer_id>/statement                finance
POST   /customers/<customer_id>/set-bill-channel         finance
GET    /ageing                                           finance
GET    /journal.csv                                      finance
GET    /journal.beancount                                finance
POST   /work-orders/<work_order_id>/deposits             finance
POST   /bank-statements                                  finance
GET    /bank-entries/waiting                             finance
POST   /bank-entries/<entry_id>/match                    finance
POST   /bank-entries/<entry_id>/clear                    finance
POST   /bank-entries/<entry_id>/unmatch                  finance
GET    /payment-requests/<request_id>/bank-entries       finance
POST   /deposits/<deposit_id>/withdraw                   finance
GET    /disputes                                         finance
GET    /refunds                                          finance
POST   /refunds/<refund_id>/approve                      finance
POST   /refunds/<refund_id>/confirm                      finance
POST   /refunds/<refund_id>/decline                      finance
GET    /reconciliations                                  finance
GET    /part-tax-rates                                   finance
POST   /parts/<part_id>/set-tax-rate                     finance
GET    /people                                           finance
POST   /people/<person_id>/disable                       finance
GET    /matters                                          finance
POST   /matters/<subject_id>/settle                      finance
POST   /unsent-messages/<message_id>/retry               finance
GET    /cash-complaints                                  finance
"""
TABLE = {
    f"{method} {path}": who
    for method, path, who in (line.split(maxsplit=2) for line in WHO_MAY.strip().splitlines())
}


def served(app: Flask) -> set[str]:
    return {
        f"{method} {re.sub(r'<[a-z]+:', '<', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


@pytest.fixture
def finance(lite_firm: Firm) -> tuple[Flask, str]:
    """The application, and the token of somebody of finance."""
    door = lite_firm.payments.authenticator
    assert isinstance(door, FinanceDoor)
    factory = lite_firm.payments.factory
    password = door.create_person(factory, "noor@example.org", "Noor")
    assert password is not None
    return create_payments_app(lite_firm.payments), door.sign_in(
        factory, "noor@example.org", password
    ).access_token


def test_every_address_stands_in_the_table(finance: tuple[Flask, str]) -> None:
    assert served(finance[0]) == set(TABLE)


def test_finance_comes_in_and_nobody_of_the_field_does(
    lite_firm: Firm, finance: tuple[Flask, str], tmp_path: Path
) -> None:
    """S6: a technician's token opens nothing here, and neither does a manager's."""
    app, token = finance
    settings = cheap_settings(lite_firm.url, tmp_path / "field")
    field, documents = unwired_app(settings)
    connect(field, documents, wire(lite_firm.field.engine, settings, clock=lite_firm.clock))
    api = Api(field)
    strangers = [None, *(api.as_(role).token for role in (Role.TECHNICIAN, Role.FINANCE, Role.MANAGER))]
    for name in (name for name, who in TABLE.items() if who == "finance"):
        method, path = name.split()
        path = re.sub(r"<\w+>", "01890a5d-ac96-774b-bcce-b302099a8057", path)
        for stranger in strangers:
            assert Client(app, None, stranger).send(method, path).status_code == 401, (name, stranger)
            assert Client(field, None, stranger).send(method, path).status_code in (401, 404, 405), name
        assert Client(app, None, token).send(method, path).status_code in (200, 404, 415, 422), name


def test_no_generated_request_is_answered_by_a_server_error(
    finance: tuple[Flask, str],
) -> None:
    app, token = finance
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 15
    tokens: list[str | None] = [token, "nobody's"]
    assert [fault for operation in operations for fault in faults_of(operation, tokens, 1)] == []


NO_AMOUNTS = (1.5, 5.0, 0, -1, 1e30, 10**30, 10**13, "500", "5,00", True, None, [500], {"minor": 500}, "NaN")
NO_CURRENCIES = ("eur", "XXX", "", "E", "EURO", None, 978, "USD", "JPY", "KWD")


def test_no_door_of_finance_takes_what_is_no_money(lite_firm: Firm, finance: tuple[Flask, str]) -> None:
    noor, request = Client(finance[0], None, finance[1]), lite_firm.asked(1_000)
    take(lite_firm, statement_file([Paid(1_500, request.reference), Paid(700, text="Thanks")]))
    owed = lite_firm.asked(1_000)
    (waiting,) = noor.get("/bank-entries/waiting").json
    before = check_ledger(lite_firm.payments.sides).figures

    def is_refused(path: str, body: dict[str, object]) -> bool:
        """By a problem; written by `json`, which writes a number however long it is."""
        as_json = {"Content-Type": "application/json"}
        said = noor.send("POST", path, headers=as_json, data=json.dumps(body))
        return said.status_code in (400, 422) and said.mimetype == "application/problem+json"

    doors: dict[str, dict[str, object]] = {
        f"/payment-requests/{owed.id}/write_off": {"decision_id": str(uuid4()), "reason": "Gone."},
        f"/payment-requests/{request.id}/refunds": {"refund_id": str(uuid4()), "reason": "Too much."},
        f"/work-orders/{owed.work_order_id}/deposits": {
            "deposit_id": str(uuid4()),
            "words": "For the pump.",
            "days_to_pay": 7,
        },
    }
    for path, body in doors.items():
        for amount in NO_AMOUNTS:
            assert is_refused(path, {**body, "amount_minor": amount, "currency": "EUR"}), (path, amount)
        for currency in NO_CURRENCIES:
            if not (currency in CURRENCIES and path.endswith("deposits")):  # asked for in any of them
                assert is_refused(path, {**body, "amount_minor": 500, "currency": currency}), (path, currency)
    for amount in NO_AMOUNTS:
        body = {"decision_id": str(uuid4()), "reason": "Ada's."}
        body["shares"] = [{"request_id": str(owed.id), "amount_minor": amount}]
        assert is_refused(f"/bank-entries/{waiting['id']}/match", body), amount
    assert check_ledger(lite_firm.payments.sides).figures == before


def test_every_address_that_the_page_about_payments_names_is_there() -> None:
    page = (Path(__file__).parents[3] / "docs" / "payments.md").read_text()
    named = set(re.findall(r"\b((?:GET|POST) +/[^\s`'\"?|)]*)", page.replace("$B", "")))
    known = {re.sub(r"<\w+>", "{}", name) for name in TABLE}
    asked = {re.sub(r"\{\w+\}", "{}", " ".join(name.split())) for name in named}
    assert len(asked) > 15
    assert asked - known == {"POST /webhooks/stripe"}
