"""The canary: of all that the ledger knows, no value lies where the field keeps or says anything (S5)."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pysqlite3
import pytest
import structlog
from flask import Flask
from sqlalchemy import make_url

from backend.app import ROOMS, connect, unwired_app, wire
from backend.payments.models import LEDGER, PaymentRequest
from backend.payments.roles import AUDIT
from backend.visits.actions import add_visit_note
from mobile_client_stub.phone import Phone
from schemas.payments import RequestKind
from tests.api import Api
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.test_finance import approve, ask, send
from tests.backend.payments.test_providers import checkout_of, tell, work
from tests.backend.payments.world import Firm, as_role
from tests.given import phones
from tests.given.reports import Work
from tests.settings import cheap_settings

TOO_MUCH = 7_391_554_826
LARGE = 10**9
"""Sums below are found in other numbers by chance."""
OF_THE_FIELD = frozenset(
    {
        *("work_order_id", "work_order_number", "report_id", "customer_id", "customer_name"),
        *("customer_email", "summary", "charge_id", "description", "unit_minor", "covered_by"),
    }
)
"""What was copied from the field: it knows that itself."""
WORD = re.compile(r"[\w.@+-]{8,}", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d(T.*)?|[\d.]+Z?")
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


def canaries(firm: Firm) -> set[str]:
    """Every value of the ledger that could be recognised: ids, references, accounts, large sums, words."""
    found: set[str] = set()
    with firm.payments.factory.begin(write=False) as uow:
        for table in LEDGER.sorted_tables:
            for row in uow.session.execute(table.select()).mappings():
                for column, value in row.items():
                    if column not in OF_THE_FIELD or is_of_finance(row, column):
                        found |= set(spelled(value))
        requests = uow.session.query(PaymentRequest).all()
        found |= {firm.payments.terms.links.token_of(request.id) for request in requests}
        names = OF_THE_FIELD & set(PaymentRequest.__table__.columns.keys())
        every = [(vars(request), name) for request in requests for name in names]
        of_the_field = [row[name] for row, name in every if not is_of_finance(row, name)]
        theirs = {str(value) for value in of_the_field}
        theirs |= {value.hex for value in of_the_field if isinstance(value, UUID)}
    return {each for each in found if not any(each in word or word in each for word in theirs)}


def is_of_finance(row: Mapping[str, Any], column: str) -> bool:
    """What a bill is about are the words of the field; what a deposit is for, those of finance."""
    return column == "summary" and row.get("kind") == RequestKind.DEPOSIT


def spelled(value: object) -> Iterator[str]:
    """How a value would be written somewhere else; nothing for what is no secret or cannot be recognised."""
    if isinstance(value, UUID):
        yield from (str(value), value.hex)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int) and abs(value) >= LARGE:
        yield str(abs(value))
    elif isinstance(value, bytes):
        yield from spelled(value.decode("utf-8", "replace"))
    elif isinstance(value, str):
        # Words that name a kind of thing have no digits; what names one thing has.
        words = (word.strip(".+-") for word in WORD.findall(value))
        yield from (word for word in words if re.search(r"\d", word) and not DAY.fullmatch(word))
    elif isinstance(value, dict | list):
        yield from spelled(json.dumps(value))


def stored(firm: Firm) -> str:
    """Everything in the field's database, as text."""
    if not firm.is_postgresql:
        # The library that has the file open already: another one's locks would end with this connection.
        connection = pysqlite3.connect(firm.url.removeprefix("sqlite:///"))
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = [row for name in names for row in connection.execute(f'SELECT * FROM "{name}"')]
        connection.close()
        return "\n".join(as_text(value) for row in rows for value in row).lower()
    url = make_url(as_role(firm.url, AUDIT)).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection_:
        tables = connection_.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'field'").fetchall()
        told = [
            connection_.execute(f"SELECT row_to_json(t)::text FROM field.{name} t").fetchall()
            for (name,) in tables
        ]
    return "\n".join(row[0] for table in told for row in table).lower()


def as_text(value: object) -> str:
    return f"{value.hex()} {value.decode('utf-8', 'replace')}" if isinstance(value, bytes) else str(value)


def found_in(text: str, secrets: Iterable[str]) -> list[str]:
    text = text.lower()
    return sorted(secret for secret in secrets if secret.lower() in text)


@pytest.fixture
def field_app(firm: Firm, tmp_path: Path) -> Flask:
    """The field's application, on the same databases."""
    settings = cheap_settings(firm.url, tmp_path / "field")
    app, api = unwired_app(settings)
    connect(app, api, wire(firm.field.engine, settings, clock=firm.clock))
    return app


def money_moves(firm: Firm, request: PaymentRequest) -> None:
    """Everything that can happen to money happens to this work order's, and to nobody's."""
    one, other = firm.asked(5_000_111_222), firm.asked(6_000_333_444)
    order = request.work_order_id
    deposit = firm.deposit(7_222_333_555, work_order_id=order, words="Pump 8-Canary-5519, in advance.")
    texts = (f"Canary-8842 {one.reference}", "from DE02120300000000202051, Canary-9917")
    entries = [
        Paid(request.gross_minor + TOO_MUCH, request.reference, bank_reference="CANARY-B-4471"),
        Paid(8_123_456_789, text=texts[0]),
        Paid(9_876_543_211, text=texts[1]),
        Paid(6_000_333_444, other.reference, bank_reference="CANARY-B-4472"),
        Paid(-6_000_333_444, other.reference, returned=True, bank_reference="CANARY-B-4473"),
        Paid(7_222_333_999, deposit.reference, bank_reference="CANARY-B-4474"),
    ]
    take(firm, statement_file(entries, statement_id="CANARY-S-1"))
    checkout = checkout_of(firm, one)
    tell(firm, firm.stub.pay(checkout, firm.clock()))
    work(firm)
    approve(firm, ask(firm, one, 5_000_000_111), "Emre")
    send(firm)
    tell(firm, firm.stub.dispute(checkout_of(firm, other), firm.clock()))
    work(firm)
    firm.round()


def everything_a_technician_gets(app: Flask, job: Work, request: PaymentRequest, folder: Path) -> str:
    """Answers and problems of every route that reads, the feed, all files of the phone, and the log."""
    api = Api(app)
    names: dict[str, Any] = {
        "visit_id": job.visit_id,
        "work_order_id": request.work_order_id,
        "report_id": job.report_id,
        "customer_id": request.customer_id,
        "technician_id": job.technician.id,
    }
    with ExitStack() as life, structlog.testing.capture_logs() as logged:
        client = api.of(job.technician.id)
        said = []
        for route in (route for room in ROOMS for route in room.declared if route.method == "GET"):
            for unknown in (job.visit_id, request.id):  # a request's id means nothing to the field
                path = _CONVERTER.sub(lambda match, it=unknown: str(names.get(match[1], it)), route.rule)
                answer = client.get(path)
                said += [answer.get_data(as_text=True).replace(str(request.id), ""), str(answer.headers)]
                assert answer.status_code < 500, path
        phone = Phone(
            folder, transport=httpx.WSGITransport(app=app), sleep=lambda _: None, dice=random.Random(1)
        )
        life.callback(phone.close)
        phones.enrol(phone, api, job)
        phone.sync()
        assert [badge["state"] for badge in phone.view("payment_badges").values()] == ["paid"]
    files = [file.read_bytes().decode("utf-8", "replace") for file in folder.rglob("*") if file.is_file()]
    return "\n".join([*said, *files, *map(str, logged)])


def test_no_value_of_the_ledger_is_anywhere_in_the_field(
    firm: Firm, field_app: Flask, tmp_path: Path
) -> None:
    job = firm.signed_report(("Labour", 9_511), ("Pump", 5_053))
    (request,) = firm.bill()
    money_moves(firm, request)
    secrets = canaries(firm)
    assert {request.reference, str(request.id), str(TOO_MUCH), "CANARY-B-4471"} <= secrets
    assert {"DE02120300000000202051", "5000000111", "Canary-8842"} <= secrets
    assert {"7222333555", "7222333999", "8-Canary-5519"} <= secrets
    assert len(secrets) > 100
    assert found_in(stored(firm), secrets) == []
    reached = everything_a_technician_gets(field_app, job, request, tmp_path / "phone")
    assert len(reached) > 100_000
    assert found_in(reached, secrets) == []


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_canary_that_got_out_is_found(firm: Firm, field_app: Flask, tmp_path: Path) -> None:
    """The test above can fail: a reference in a note to a work order is seen in both places."""
    job = firm.signed_report(("Labour", 9_511))
    (request,) = firm.bill()
    take(firm, statement_file([Paid(9_511, request.reference)]))
    firm.round()
    with firm.field.begin() as uow:
        add_visit_note(uow, job.actor, visit_id=job.visit_id, text=f"They told me {request.reference}.")
    secrets = canaries(firm)
    assert found_in(stored(firm), secrets) == [request.reference]
    reached = everything_a_technician_gets(field_app, job, request, tmp_path / "phone")
    assert found_in(reached, secrets) == [request.reference]
