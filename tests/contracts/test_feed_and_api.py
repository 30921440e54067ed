"""Two ways to one record: what a phone is sent and what its user reads over HTTP are the same."""

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask

from mobile_client_stub import records
from mobile_client_stub.phone import Phone
from tests.api import Api
from tests.clock import SettableClock
from tests.databases import Database
from tests.given import parts as given_parts
from tests.given import reports as given
from tests.given import visits as given_visits

JPEG = b"\xff\xd8\xff\xe0" + b"\x07" * 500
ONLY_IN_THE_FEED = {"field_inbox", "visit_events", "visit_notes", "part_usages", "removed_parts"}
"""Collections without a route for one record: people read them in lists."""


@pytest.fixture
def work(database: Database) -> given.Work:
    with database.factory.begin() as uow:
        kit = given_parts.a_kit(uow, parts=(given_parts.a_part(uow),))
        work_type = given_visits.a_work_type(uow, kit_id=kit.id)
        order = given_visits.a_work_order(uow, work_type_id=work_type.id)
        return given.a_visit_under_way(uow, work_order_id=order.id)


@pytest.fixture
def phone(app: Flask, api: Api, work: given.Work, clock: SettableClock, tmp_path: Path) -> Iterator[Phone]:
    transport = httpx.WSGITransport(app=app)
    with Phone(tmp_path / "phone", transport=transport, clock=clock, dice=random.Random(1)) as phone:
        code = api.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(work.technician.id)})
        phone.enrol("http://field.example", code.json["code"])
        phone.sync()
        yield phone


def test_a_record_reads_the_same_in_the_feed_and_over_http(
    phone: Phone, api: Api, app: Flask, work: given.Work
) -> None:
    visit = str(work.visit_id)
    phone.step("accept", visit)
    phone.note(visit, "The bell is broken.")
    phone.photo(visit, JPEG, "before")
    phone.write_report(visit, findings="A worn belt.", work_done="Replaced it.")
    phone.sync()
    technician = api.of(work.technician.id)
    paths = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    compared = set()
    for collection in phone.store.connection.execute("SELECT DISTINCT collection FROM records").fetchall():
        name = str(collection[0])
        noun = name.replace("_", "-")
        if not any(path.startswith(f"/{noun}/<uuid:") and path.count("/") == 2 for path in paths):
            assert name in ONLY_IN_THE_FEED, name
            continue
        for record, body in records.read_all(phone.store.connection, name).items():
            answer = technician.get(f"/{noun}/{record}")
            assert answer.status_code == 200, (name, answer.text)
            assert answer.json == body, name
            compared.add(name)
    assert compared > {"visits", "work_orders", "sites", "customers", "service_reports", "media"}
