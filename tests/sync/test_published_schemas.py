"""The published JSON Schemas say what the engine reads and writes; docs/protocol.md lists what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for

from backend.mutations import COLLECTIONS, MUTATIONS
from backend.sync_messages import MESSAGES
from mobile_client_stub.conformance.kit import RULES
from schemas import sync as messages
from sync.collections import CollectionSet
from sync.mutations import MutationTable
from sync.published import protocol_schemas
from tests.api import Api
from tests.given import reports

PROTOCOL = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    collections = CollectionSet(COLLECTIONS)
    return protocol_schemas(collections, MutationTable(MUTATIONS, collections), MESSAGES)


def validator(published: dict[str, Any], reference: dict[str, str]) -> Any:
    return validator_for({**reference, "$defs": published["$defs"]})


def faults(published: dict[str, Any], reference: dict[str, str], instance: object) -> list[str]:
    return [str(error.message) for error in validator(published, reference).iter_errors(instance)]


def rows_of(heading: str) -> Iterator[list[str]]:
    """The rows of the table in docs/protocol.md whose first column has this heading."""
    table = PROTOCOL.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def an_exchange(api: Api, work: reports.Work, **over: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request of a phone that writes a note, and the answer that it gets."""
    code = api.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(work.technician.id)})
    device = {"code": code.json["code"], "device_name": "phone", "platform": "test"}
    phone = api.anonymous.post("/devices/enrol", device).json
    note = {
        "mutation_id": ID,
        "number": 1,
        "schema": 1,
        "type": "visit_note.add",
        "record": ID,
        "base": None,
        "epoch": None,
        "fields": {"visit_id": str(work.visit_id), "text": "The key is at the neighbour's."},
        "occurred_at": "2026-03-02T08:00:00Z",
    }
    request = {
        "protocol": 1,
        "journal": ID,
        "acknowledged": 0,
        "device_now": "2026-03-02T08:00:00Z",
        "cursor": None,
        "limit": 500,
        "mutations": [note | over],
    }
    client = api.app.test_client()
    headers = {"Authorization": f"Bearer {phone['access_token']}"}
    return request, client.post("/sync/exchange", json=request, headers=headers).json


@pytest.fixture
def work(api: Api) -> reports.Work:
    with api.factory.begin() as uow:
        return reports.a_visit_under_way(uow)


def test_what_is_really_exchanged_fits_the_published_schemas(
    published: dict[str, Any], api: Api, work: reports.Work
) -> None:
    request, answer = an_exchange(api, work)
    assert answer["outcomes"][0]["outcome"] == "applied"
    kinds = {change["collection"] for change in answer["changes"]}
    assert len(kinds) > 8
    assert faults(published, published["messages"]["exchange_request"], request) == []
    assert faults(published, published["messages"]["mutation"], request["mutations"][0]) == []
    assert faults(published, published["messages"]["exchange_answer"], answer) == []
    for change in answer["changes"]:
        body = published["collections"][change["collection"]]["body"]
        assert faults(published, body, change["body"]) == [], change["collection"]
    note = published["mutations"]["visit_note.add"]["fields"]
    assert faults(published, note, request["mutations"][0]["fields"]) == []


def test_the_schemas_refuse_what_the_engine_refuses(published: dict[str, Any]) -> None:
    note = published["mutations"]["visit_note.add"]["fields"]
    for wrong in ({}, {"visit_id": ID}, {"visit_id": ID, "text": "x", "pay_state": "paid"}, {"visit_id": 7}):
        assert faults(published, note, wrong), wrong
    request = published["messages"]["exchange_request"]
    assert faults(published, request, {"protocol": 2, "journal": ID, "acknowledged": 0})
    assert faults(published, request, {"protocol": 1, "journal": ID, "acknowledged": -1})


def test_what_devices_receive_may_grow(published: dict[str, Any], api: Api, work: reports.Work) -> None:
    _, answer = an_exchange(api, work)
    answer["of_a_later_version"] = answer["outcomes"][0]["of_a_later_version"] = 1
    assert faults(published, published["messages"]["exchange_answer"], answer) == []
    visit = next(change["body"] for change in answer["changes"] if change["collection"] == "visits")
    body = published["collections"]["visits"]["body"]
    assert faults(published, body, visit | {"of_a_later_version": 1}) == []


def test_the_schemas_are_served_to_everybody(published: dict[str, Any], api: Api) -> None:
    answer = api.anonymous.get("/sync/schemas.json")
    assert (answer.status_code, answer.content_type) == (200, "application/schema+json")
    assert answer.json == published
    assert answer.json["protocol"] == messages.PROTOCOL
    assert "OpenAPI" not in answer.text
    assert "#/components" not in answer.text


def test_the_document_lists_every_collection_and_who_holds_it(published: dict[str, Any]) -> None:
    listed = {row[0].strip("`"): row[1] for row in rows_of("collection")}
    assert listed == {name: held["audience"] for name, held in published["collections"].items()}


def test_the_document_lists_every_mutation_with_its_fields(published: dict[str, Any]) -> None:
    listed = {
        row[0].strip("`"): (set(re.findall(r"\w+", row[2])) - {"none"}, row[3]) for row in rows_of("mutation")
    }
    required = {row[0].strip("`"): set(re.findall(r"\*\*(\w+)\*\*", row[2])) for row in rows_of("mutation")}
    for name, mutation in published["mutations"].items():
        shape = published["$defs"][mutation["fields"]["$ref"].rpartition("/")[2]]
        assert listed[name] == (set(shape["properties"]), mutation["merges_as"]), name
        assert required[name] == set(shape.get("required", ())), name
    assert set(listed) == set(published["mutations"])


def test_every_json_route_that_a_phone_calls_has_its_messages_in_the_document(
    published: dict[str, Any], api: Api
) -> None:
    called = set()
    address = re.compile(r'"(?:\{[\w.]*server\})?(/(?:devices|sessions|sync|media)/[^"?]*)')
    for file in (Path(__file__).parents[2] / "mobile_client_stub").glob("*.py"):
        called |= {re.sub(r"\{[^}]*\}", "{}", path) for path in address.findall(file.read_text())}
    told = {row[0].strip("`"): row[1:] for row in rows_of("route")}
    assert {re.sub(r"\{[^}]*\}", "{}", route.partition(" ")[2]) for route in told} == called
    paths = api.anonymous.get("/openapi.json").json["paths"]
    for route, cells in told.items():
        sent, got = (next(iter(re.findall("`(.*?)`", cell)), None) for cell in cells)
        verb, _, path = route.partition(" ")
        operation = paths[path][verb.lower()]
        assert _name_of(operation.get("requestBody")) == _published_name(published, sent, of_body=True), route
        (answer,) = (told for status, told in operation["responses"].items() if status.startswith("2"))
        assert _name_of(answer) == _published_name(published, got), route
    assert "problem" in published["messages"]


def _name_of(content: dict[str, Any] | None) -> str | None:
    """The shape of a body or an answer in the OpenAPI document."""
    if content is None:
        return None
    return str(content["content"]["application/json"]["schema"]["$ref"]).rpartition("/")[2]


def _published_name(published: dict[str, Any], message: str | None, *, of_body: bool = False) -> str | None:
    """The shape of a message; None for nothing, and for what travels in the address."""
    if message is None or (of_body and message.endswith("_query")):
        return None
    return str(published["messages"][message]["$ref"]).rpartition("/")[2]


def test_enrolling_refreshing_waiting_and_a_refusal_fit_the_published_schemas(
    published: dict[str, Any], api: Api, work: reports.Work
) -> None:
    code = api.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(work.technician.id)})
    asked = {"code": code.json["code"], "device_name": "phone", "platform": "test"}
    enrolled = api.anonymous.post("/devices/enrol", asked)
    again = api.anonymous.post("/devices/enrol", asked)
    token = {"refresh_token": enrolled.json["refresh_token"]}
    refreshed = api.anonymous.post("/sessions/refresh", token)
    assert (enrolled.status_code, again.status_code, refreshed.status_code) == (201, 401, 200)
    headers = {"Authorization": f"Bearer {refreshed.json['access_token']}"}
    waited = api.app.test_client().get("/sync/wake?seconds=0", headers=headers)
    unread = api.app.test_client().post("/sync/exchange", json={"protocol": 2}, headers=headers)
    assert unread.json["errors"]
    for message, told in (
        ("enrol_request", asked),
        ("enrol_answer", enrolled.json),
        ("refresh_request", token),
        ("refresh_answer", refreshed.json),
        ("wake_answer", waited.json),
        ("problem", again.json),
        ("problem", unread.json),
    ):
        assert faults(published, published["messages"][message], told) == [], message
    assert faults(published, published["messages"]["enrol_request"], {**asked, "colour": "red"})


def test_the_document_lists_every_rule_that_the_kit_tries() -> None:
    assert {row[0].strip("`"): row[1] for row in rows_of("rule")} == {
        rule.name: rule.expects for rule in RULES
    }


def test_a_body_says_of_every_column_whether_it_may_be_null() -> None:
    wrong = []
    for collection in COLLECTIONS:
        columns = {attribute.key: attribute.columns[0] for attribute in collection.mapper.column_attrs}
        for name, field in collection.shape().fields.items():
            if name in columns and columns[name].nullable is not field.allow_none:
                wrong.append(f"{collection.name}.{name}")
    assert wrong == []
