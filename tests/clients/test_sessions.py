"""The real stores, run by Node against a real server: lost messages, a busy office, and nothing is lost."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from backend.access.permissions import SYSTEM
from backend.app import create_app
from backend.dispatch import actions
from backend.parts.actions import add_checklist_item
from backend.parts.models import ChecklistItem, PartUsage, VanStock
from backend.visits.models import Visit, VisitNote, WorkOrder
from sync.models import MUTATIONS, FieldInboxEntry
from tests.api import PASSWORD, Api
from tests.clients.node import STRICT, NodeMissing, find_node, find_packages, running
from tests.clock import START, SettableClock
from tests.databases import SQLITE_ONLY, Database, Databases
from tests.given import dispatch, parts, visits
from tests.journeys.server import ServerProcess
from tests.journeys.warm import Warm
from tests.settings import cheap_settings

Body = dict[str, Any]

# On PostgreSQL the same code runs in another database: fewer sessions are enough.
SESSIONS = {"sqlite": 200, "postgresql": 15}
SEED = int(os.environ.get("DOORSTEP_TEST_SEED", "20260302"))
KINDS = {"watermelon": 1.0, "rxdb": 0.5, "rxdb-ajv": 0.5}
"""The stores, and and which part of the sessions each has: RxDB with and without validation."""
# The free RxDB opens fourteen collections in one process.
RXDB_TABLES = (
    "visits",
    "visit_events",
    "visit_notes",
    "part_usages",
    "checklist_items",
    "conduct_steps",
    "service_reports",
    "feedback_cards",
    "sites",
    "work_orders",
    "customers",
    "field_inbox",
)
LOSS = 0.08
"""How likely a message of a store is lost on its way, and again its reply."""


@pytest.fixture(autouse=True)
def _node() -> None:
    try:
        find_node()
        find_packages()
    except NodeMissing as missing:
        if os.environ.get(STRICT) == "1":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


@dataclass
class Firm:
    """A server, and what the sessions need to know of its data."""

    server: ServerProcess
    database: Database
    office: str
    technician: UUID
    plan: Body

    def code(self) -> str:
        """For one more phone of the technician."""
        asked = {"user_id": str(self.technician)}
        signed_in = {"Authorization": f"Bearer {self.office}"}
        answer = httpx.post(f"{self.server.url}/devices/enrolment-codes", json=asked, headers=signed_in)
        return str(answer.json()["code"])

    def token(self, name: str) -> str:
        """The access token of a new phone."""
        enrolment = {"code": self.code(), "device_name": name, "platform": "android"}
        return str(httpx.post(f"{self.server.url}/devices/enrol", json=enrolment).json()["access_token"])


@pytest.fixture(params=SESSIONS)
def firm(request: pytest.FixtureRequest, databases: Databases, warm: Warm, tmp_path: Path) -> Iterator[Firm]:
    """Six visits of a technician, two of which go back and forth to another."""
    if request.param == "postgresql" and SQLITE_ONLY:
        pytest.skip("DOORSTEP_TEST_SQLITE_ONLY=1")
    with ExitStack() as life:
        database = life.enter_context(databases.fresh(request.param, SettableClock()))
        settings = cheap_settings(database.url, tmp_path / "made")
        api = Api(create_app(settings, engine=database.engine, clock=database.clock))
        dispatcher = api.as_("dispatcher")
        plan, technician = _plan(database)
        offset = (START - datetime.now(UTC)).total_seconds()
        variables = {"DOORSTEP_CLOCK_OFFSET_SECONDS": str(offset), "DOORSTEP_THROTTLE": "0"}
        server = life.enter_context(ServerProcess(database.url, tmp_path / "data", variables, warm=warm))
        signed_in = {"email": _address_of(dispatcher.get("/me").json), "password": PASSWORD}
        office = httpx.post(f"{server.url}/sessions", json=signed_in).json()["access_token"]
        plan |= {"url": server.url, "office": office, "tables": _tables(server.url), "now": START.isoformat()}
        yield Firm(server, database, office, technician, plan)


def _address_of(me: Body) -> str:
    return str(me["email"])


def _plan(database: Database) -> tuple[Body, UUID]:
    with database.factory.begin() as uow:
        technician, other = dispatch.a_technician(uow), dispatch.a_technician(uow)
        part = parts.a_part(uow)
        booked = []
        for place in range(6):
            starts = visits.MORNING + timedelta(days=place // 3, hours=2 * (place % 3))
            window = {"starts_at": starts, "ends_at": starts + visits.TWO_HOURS}
            visit = dispatch.an_assigned_visit(uow, technician, **window)
            add_checklist_item(uow, SYSTEM, visit_id=visit.id, part_id=part.id, quantity=5)
            actions.dispatch_visit(uow, SYSTEM, visit.id, override_reason="As the test wants it.")
            booked.append(visit.id)
        session = uow.session
        sites = session.scalars(select(WorkOrder.site_id).join(Visit, Visit.work_order_id == WorkOrder.id))
        plan = {
            "visits": [str(visit) for visit in booked],
            "wandering": [str(visit) for visit in booked[:2]],
            "technicians": [str(technician.id), str(other.id)],
            "items": [str(item) for item in session.scalars(select(ChecklistItem.id))],
            "sites": sorted({str(site) for site in sites}),
            "part": str(part.id),
        }
        return plan, technician.id


def _tables(url: str) -> dict[str, dict[str, str]]:
    """Per collection the type of each field, as `GET /sync/schemas.json` tells it."""
    published = httpx.get(f"{url}/sync/schemas.json").json()
    tables = {}
    for name, collection in published["collections"].items():
        fields = published["$defs"][collection["body"]["$ref"].rsplit("/", 1)[1]]["properties"]
        tables[name] = {field: _type_of(kind) for field, kind in fields.items()}
    return tables


def _type_of(kind: Body) -> str:
    told = kind.get("type", "string")
    (first,) = {one for one in ([told] if isinstance(told, str) else told) if one != "null"} or {"string"}
    return "number" if first in ("integer", "number") else str(first)


def _nowhere(database: Database, typed: list[str]) -> list[str]:
    """Of the texts that technicians typed, those that are nowhere: not applied, and not in the inbox."""
    with database.factory.begin(write=False) as uow:
        connection = uow.session.connection()
        done = select(MUTATIONS.c.content).where(MUTATIONS.c.outcome.in_(["applied", "merged"]))
        kept = {*connection.execute(done).scalars(), *uow.session.scalars(select(FieldInboxEntry.content))}
    everything = "\n".join(kept)
    return [
        text
        for text in typed
        if json.dumps(text) not in everything and f"{json.dumps(text)[:-1]}\\" not in everything
    ]


def test_stores_converge_and_nothing_typed_is_lost(
    firm: Firm, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sessions = SESSIONS[request.node.callspec.params["firm"]]
    with ExitStack() as life:
        programs = {kind: life.enter_context(running("sessions.mjs", tmp_path / kind)) for kind in KINDS}
        for number, (kind, program) in enumerate(programs.items()):
            program.tell(json.dumps(_plan_of(firm, kind, sessions, SEED + number)))
            program.tell("sessions")
        for program in programs.values():
            program.answer()
        for program in [*programs.values(), *programs.values()]:  # the last one's work reaches the first
            program.tell("settle")
            program.answer()
        told = {}
        for kind, program in programs.items():
            program.tell("tell")
            told[kind] = program.answer()
            said = {name: told[kind][name] for name in ("faults", "orders")}
            print(f"{kind}, seed {SEED}: {said}, {len(told[kind]['typed'])} texts")
    native = _native(firm)
    for kind, store in told.items():
        assert store["issues"] == 0, (tmp_path / kind).read_text()
        assert _by_id(store["held"]) == {name: native[name] for name in store["held"]}, f"{kind}, {SEED}"
        assert _nowhere(firm.database, store["typed"]) == [], f"{kind}, {SEED}"
        assert store["faults"]["requests"] > KINDS[kind] * sessions / 20
        assert store["faults"]["replies"] > KINDS[kind] * sessions / 20
    _assert_the_office_was_in_the_way(firm, [store["orders"] for store in told.values()])
    _assert_each_fact_once(firm)
    checked = firm.server.run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _plan_of(firm: Firm, kind: str, sessions: int, seed: int) -> Body:
    tables = firm.plan["tables"]
    if kind != "watermelon":
        tables = {name: tables[name] for name in RXDB_TABLES}
    mine = {"kind": kind, "token": firm.token(kind), "seed": seed, "loss": LOSS, "tables": tables}
    return {**firm.plan, **mine, "sessions": int(sessions * KINDS[kind])}


def _native(firm: Firm) -> dict[str, dict[str, Body]]:
    """What a new phone of the same technician holds by the native protocol."""
    held: dict[str, dict[str, Body]] = {name: {} for name in firm.plan["tables"]}
    request: Body = {"protocol": 1, "journal": str(uuid4()), "acknowledged": 0, "cursor": None, "limit": 5000}
    signed_in = {"Authorization": f"Bearer {firm.token('native')}"}
    more = True
    while more:
        answer = httpx.post(f"{firm.server.url}/sync/exchange", json=request, headers=signed_in).json()
        request["cursor"], more = answer["cursor"], answer["more"]
        for change in answer["changes"]:
            assert change["op"] == "put", "a new phone holds nothing that could go"
            held[change["collection"]][change["id"]] = change["body"]
    return held


def _by_id(tables: dict[str, list[Body]]) -> dict[str, dict[str, Body]]:
    """What a store holds, as a native device would; RxDB has one field under another name."""
    rename = {"record_collection": "collection"}
    return {
        name: {row["id"]: {rename.get(field, field): value for field, value in row.items()} for row in rows}
        for name, rows in tables.items()
    }


def _assert_the_office_was_in_the_way(firm: Firm, told: list[dict[str, dict[str, int]]]) -> None:
    """Orders of each kind were carried out, and not all that technicians did stood as they did it."""
    for kind in told[0]:
        answers = Counter[str]()
        for orders in told:
            answers.update(orders[kind])
        assert any(status.startswith("2") for status in answers), f"{kind}: {answers}"
        assert not any(status.startswith("5") and status != "503" for status in answers), f"{kind}: {answers}"
    with firm.database.factory.begin(write=False) as uow:
        outcomes = Counter(uow.session.connection().execute(select(MUTATIONS.c.outcome)).scalars())
    assert outcomes["applied"], outcomes
    assert outcomes["merged"] + outcomes["overridden"], outcomes


def _assert_each_fact_once(firm: Firm) -> None:
    with firm.database.factory.begin(write=False) as uow:
        notes = Counter(uow.session.scalars(select(VisitNote.text)))
        used = uow.session.scalars(select(PartUsage.quantity)).all()
        left = uow.session.scalars(select(VanStock.quantity)).all()
    assert [text for text, times in notes.items() if times > 1] == []
    assert used, "the sessions used no part at all"
    assert sum(left) == -sum(used)
