"""Bad input at the doors of the sync engine, which read their bodies themselves: a problem, never a 5xx."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

import sync.pull
import sync.routes
from backend.app import create_app
from backend.db.engine import sqlite_driver
from backend.settings import Settings
from schemas.access import Role
from schemas.sync import MOST_MUTATIONS
from tests.api import Api, Client
from tests.backend.web.test_json import REFUSED
from tests.clock import SettableClock
from tests.databases import Database, Databases
from tests.settings import cheap_settings

DOORS = ("/sync/exchange", "/sync/reconcile")
HALF = "\udfff"
"""Half of a surrogate pair: JSON can say it, UTF-8 and PostgreSQL cannot."""
# These doors let a text pass that no database takes: it is one mutation's fault, not the whole request's.
BROKEN = {name: raw for name, raw in REFUSED.items() if "surrogate" not in name and "NUL" not in name}


def phone_of(database: Database, settings: Settings) -> Client:
    """An enrolled phone of the whole application."""
    api = Api(create_app(settings, engine=database.engine, clock=database.clock))
    technician = api.as_(Role.TECHNICIAN).user_id
    code = (
        api.as_(Role.DISPATCHER).post("/devices/enrolment-codes", {"user_id": str(technician)}).json["code"]
    )
    form = {"code": code, "device_name": "Pixel", "platform": "android 15"}
    enrolled = api.anonymous.post("/devices/enrol", form).json
    return Client(api.app, UUID(enrolled["user_id"]), enrolled["access_token"])


@pytest.fixture(scope="module")
def phone(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A phone; fails if anything that was sent found its way into a journal."""
    with databases.fresh("sqlite", SettableClock()) as database:
        client = phone_of(database, cheap_settings(database.url, tmp_path_factory.mktemp("data")))
        yield client
        assert client.post("/sync/exchange", exchange()).json["expected_number"] == 1


def exchange(**over: object) -> dict[str, object]:
    return {"protocol": 1, "journal": "3b2f1a52-6a0e-4b8f-9a6e-0d9d4c7f2a11", "acknowledged": 0, **over}


def inventory(**over: object) -> dict[str, object]:
    return {"protocol": 1, "cursor": "none", "held": [], **over}


def send(phone: Client, door: str, document: object) -> TestResponse:
    """As `Client.post`, but able to say what no writer of JSON of ours would say."""
    return phone.send("POST", door, data=json.dumps(document), content_type="application/json")


def is_problem(answer: TestResponse, status: int) -> bool:
    return answer.status_code == status and answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("door", DOORS)
def test_no_door_chokes_on_a_broken_body(phone: Client, door: str) -> None:
    for name, raw in BROKEN.items():
        answer = phone.send("POST", door, data=raw, content_type="application/json")
        assert is_problem(answer, 400), (name, answer.text)
    for name in REFUSED.keys() - BROKEN.keys():
        answer = phone.send("POST", door, data=REFUSED[name], content_type="application/json")
        assert is_problem(answer, 422) or is_problem(answer, 400), (name, answer.text)


@pytest.mark.parametrize("door", DOORS)
def test_a_member_named_by_half_a_character_is_refused_by_name(phone: Client, door: str) -> None:
    answer = send(phone, door, {HALF: 1})
    assert is_problem(answer, 422), answer.text
    assert {"pointer": "/\\udfff", "detail": "Unknown field."} in answer.json["errors"]


@pytest.mark.parametrize("half", [HALF, "x\0", "x" * 101])
def test_no_member_of_a_request_takes_what_no_database_can_hold(phone: Client, half: str) -> None:
    held = {"collection": "visits", "id": str(uuid4()), "hash": "0" * 16}
    for line in (
        {**held, "collection": half},
        {**held, "id": half},
        {**held, "hash": half},
        {**held, half: 1},
    ):
        assert is_problem(send(phone, "/sync/reconcile", inventory(held=[line])), 422), line
    for member in ("protocol", "journal", "acknowledged", "journal_start", "limit"):
        assert is_problem(send(phone, "/sync/exchange", exchange(**{member: half})), 422), member
    for member in ("cursor", "device_now"):
        # A cursor is opaque and a clock is often wrong: neither keeps a journal from being handed in.
        assert send(phone, "/sync/exchange", exchange(**{member: half})).status_code == 200, member


@pytest.mark.parametrize("wrong", [None, 1, "x", [], [[]], True])
def test_a_request_that_is_no_object_is_refused(phone: Client, wrong: object) -> None:
    for door in DOORS:
        assert is_problem(send(phone, door, wrong), 422), door


@pytest.mark.parametrize("wrong", [None, 1, "x", {}, True])
def test_what_must_be_a_list_is_one(phone: Client, wrong: object) -> None:
    assert is_problem(send(phone, "/sync/reconcile", inventory(held=wrong)), 422)
    assert is_problem(send(phone, "/sync/exchange", exchange(mutations=wrong)), 422)


def test_a_request_has_at_most_a_thousand_mutations_and_may_have_none(phone: Client) -> None:
    assert send(phone, "/sync/exchange", exchange(mutations=[])).status_code == 200
    too_many = send(phone, "/sync/exchange", exchange(mutations=[{}] * (MOST_MUTATIONS + 1)))
    assert is_problem(too_many, 422)
    assert too_many.json["errors"][0]["pointer"] == "/mutations"


def test_a_body_is_bounded_by_the_setting_packed_or_not(sqlite_database: Database, tmp_path: Path) -> None:
    settings = cheap_settings(sqlite_database.url, tmp_path / "data", sync_body_limit_bytes=1_000)
    phone = phone_of(sqlite_database, settings)
    for door, document in zip(DOORS, (exchange(), inventory()), strict=True):
        long = json.dumps({**document, "cursor": "x" * 1_000}).encode()
        packed = gzip.compress(long)
        assert len(packed) < 1_000 < len(long)
        for data, encoding in ((long, "identity"), (packed, "gzip")):
            headers = {"Content-Encoding": encoding}
            answer = phone.send("POST", door, data=data, content_type="application/json", headers=headers)
            assert is_problem(answer, 413), (door, encoding, answer.text)


def test_what_lies_on_a_phone_comes_in_after_its_user_got_another_role(
    sqlite_database: Database, tmp_path: Path
) -> None:
    phone = phone_of(sqlite_database, cheap_settings(sqlite_database.url, tmp_path / "data"))
    office = Api(phone.app)
    assert phone.post("/sync/exchange", exchange()).status_code == 200
    user = office.as_(Role.ADMINISTRATOR).get(f"/users/{phone.user_id}").json
    edited = office.as_(Role.ADMINISTRATOR).patch(
        f"/users/{phone.user_id}", {"role": "dispatcher"}, revision=user["revision"]
    )
    assert edited.status_code == 200, edited.text
    assert phone.get("/me").status_code == 401, "the phone does not grow into an office"
    note = {
        "mutation_id": str(uuid4()),
        "number": 1,
        "type": "visit_note.add",
        "record": str(uuid4()),
        "fields": {"visit_id": str(uuid4()), "text": "The bell is broken."},
        "occurred_at": "2026-03-02T08:00:00Z",
    }
    answer = phone.post("/sync/exchange", exchange(mutations=[note]))
    assert answer.status_code == 200, answer.text
    assert [outcome["number"] for outcome in answer.json["outcomes"]] == [1]
    done = phone.post("/sync/exchange", exchange(acknowledged=1))
    assert done.json["directives"] == ["wipe"]
    (entry,) = office.as_(Role.MANAGER).get("/sync/inbox").json["items"]
    assert entry["mutation_id"] == note["mutation_id"]


@pytest.mark.parametrize("accepted", ["identity", "gzip"])
def test_what_does_not_fit_on_a_page_travels_in_pieces_packed_or_not(
    phone: Client, accepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatcher = Api(phone.app).as_(Role.DISPATCHER, accepted)
    for number in range(4):
        part = {"sku": f"{accepted}-{number}", "name": "Gasket", "kind": "part"}
        assert dispatcher.post("/parts", {**part, "price_minor": 1250, "currency": "EUR"}).status_code == 201
    whole = phone.post("/sync/exchange", exchange())
    assert whole.content_length
    assert len(whole.json["changes"]) >= 4
    monkeypatch.setattr(sync.pull, "PAGE_CHANGES", 2)
    monkeypatch.setattr(sync.routes, "WORTH_PACKING", 1)
    pieces = phone.post("/sync/exchange", exchange(), headers={"Accept-Encoding": accepted})
    assert pieces.content_length is None
    assert (pieces.headers.get("Content-Encoding") == "gzip") == (accepted == "gzip")
    body = gzip.decompress(pieces.data) if accepted == "gzip" else pieces.data
    assert json.loads(body)["changes"] == whole.json["changes"]


def test_damage_that_shows_during_a_push_or_to_whoever_asks_for_health_is_named(
    sqlite_database: Database, tmp_path: Path
) -> None:
    phone = phone_of(sqlite_database, cheap_settings(sqlite_database.url, tmp_path))
    mutation = {
        "number": 1,
        "mutation_id": str(uuid4()),
        "type": "visit_note.add",
        "record": str(uuid4()),
        "fields": {"visit_id": str(uuid4()), "text": "x"},
        "occurred_at": "2026-03-02T08:00:00Z",
    }

    def find_it(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lower().startswith(("insert into sync_mutations", "select 1")):
            damage = sqlite_driver().DatabaseError("database disk image is malformed")
            damage.sqlite_errorcode = 11
            raise damage

    event.listen(sqlite_database.engine, "before_cursor_execute", find_it)
    for answer in (phone.post("/sync/exchange", exchange(mutations=[mutation])), phone.get("/health")):
        assert (answer.status_code, answer.json["type"]) == (503, "urn:doorstep:problem:database-damaged")
    event.remove(sqlite_database.engine, "before_cursor_execute", find_it)
    assert phone.post("/sync/exchange", exchange(mutations=[mutation])).json["expected_number"] == 2
