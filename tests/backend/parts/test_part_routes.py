"""The doors of the room parts: catalogue, kits, ticks, usages, and input that nobody should send."""

import json
from typing import Any
from uuid import uuid4

from backend.access.permissions import SYSTEM
from backend.parts import actions
from schemas.access import Role
from tests.api import Api
from tests.backend.assigned import an_assigned_visit
from tests.given import parts as given

PART = {"sku": "G-40", "name": "Gasket", "kind": "part", "price_minor": 1250, "currency": "EUR"}


def _part(api: Api, **over: Any) -> dict[str, Any]:
    answer = api.as_(Role.DISPATCHER).post("/parts", {**PART, **over})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def test_a_stock_number_is_taken_once(api: Api) -> None:
    _part(api)
    again = api.as_(Role.DISPATCHER).post("/parts", PART)
    assert (again.status_code, again.json["type"]) == (409, "urn:doorstep:problem:sku-taken")


def test_twins_that_look_the_same_are_the_same_and_a_megabyte_of_emoji_is_too_long(api: Api) -> None:
    composed, decomposed = "\u00c9-40", "E\u0301-40"
    assert _part(api, sku=composed)["sku"] == composed
    twin = api.as_(Role.DISPATCHER).post("/parts", {**PART, "sku": decomposed})
    assert (twin.status_code, twin.json["type"]) == (409, "urn:doorstep:problem:sku-taken")
    long = api.as_(Role.DISPATCHER).send(
        "POST",
        "/parts",
        data=json.dumps({**PART, "name": "\U0001f600" * 250_000}, ensure_ascii=False).encode(),
        content_type="application/json",
    )
    assert (long.status_code, [e["pointer"] for e in long.json["errors"]]) == (422, ["/name"])


def test_a_kit_is_shown_with_its_lines_and_edited_as_a_whole(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    first, second = _part(api), _part(api, sku="G-50")
    line = {"part_id": first["id"], "quantity": 2}
    created = dispatcher.post("/kits", {"name": "Boiler", "lines": [line]})
    assert created.json["lines"] == [{**line, "required": True}]
    path = created.headers["Location"]
    new_line = {"part_id": second["id"], "quantity": 1, "required": False}
    edited = dispatcher.patch(path, {"lines": [new_line]}, revision=1)
    assert (edited.json["lines"], edited.json["revision"]) == ([new_line], 2)
    assert dispatcher.patch(path, {"lines": []}, revision=1).status_code == 412
    assert dispatcher.get("/kits").json["items"] == [dispatcher.get(path).json]


def test_a_tick_and_a_usage_go_through_the_door(api: Api) -> None:
    with api.factory.begin() as uow:
        assigned = an_assigned_visit(uow)
        kit = given.a_kit(uow)
        line, _ = actions.prepare_checklist(uow, SYSTEM, assigned.visit.id, kit.id)
        visit_id = str(assigned.visit.id)
    technician = api.of(assigned.technician.user_id)
    ticked = technician.post(f"/checklist-items/{line.id}/tick", {"verified": True}).json
    assert (ticked["packed"], ticked["verified"]) == (True, True)
    usage = {"visit_id": visit_id, "part_id": str(line.part_id), "direction": "used", "quantity": 1}
    recorded = technician.post("/part-usages", usage)
    assert recorded.status_code == 201, recorded.text
    assert recorded.json["checklist_item_id"] == str(line.id)
    shown = technician.get("/checklist-items", visit_id=visit_id).json["items"]
    assert [item["quantity_used"] for item in shown] == [1, 0]
    assert technician.get("/van-stock").json["items"][0]["quantity"] == -1
    stranger = api.as_(Role.TECHNICIAN)
    assert stranger.get(f"/checklist-items/{line.id}").status_code == 404
    assert stranger.post(f"/checklist-items/{line.id}/tick", {"packed": False}).status_code == 404
    assert stranger.post("/part-usages", usage).status_code == 404
    assert stranger.get(f"/part-usages/{recorded.json['id']}").status_code == 404


BAD_PARTS: list[dict[str, Any]] = [
    {"kind": "spoon"},
    {"price_minor": -1},
    {"price_minor": 12.5},
    {"price_minor": True},
    {"price_minor": 10**13},
    {"currency": "EURO"},
    {"currency": None},
    {"name": "a\u0000"},
    {"revision": 3},
    {"unit": ""},
]


def test_a_part_that_makes_no_sense_is_a_problem(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    for wrong in BAD_PARTS:
        assert dispatcher.post("/parts", {**PART, **wrong}).status_code in {400, 422}, wrong
    assert dispatcher.get("/parts").json["items"] == []


def test_a_usage_of_nothing_or_too_much_is_a_problem(api: Api) -> None:
    usage = {"visit_id": str(uuid4()), "part_id": str(uuid4()), "direction": "used"}
    for quantity in (0, -1, 1.0, "1", None, 10**9, 2**62):
        answer = api.as_(Role.DISPATCHER).post("/part-usages", {**usage, "quantity": quantity})
        assert answer.status_code in {400, 422}, quantity


def test_a_usage_at_an_unknown_visit_is_not_found(api: Api) -> None:
    usage = {"visit_id": str(uuid4()), "part_id": _part(api)["id"], "direction": "used", "quantity": 1}
    assert api.as_(Role.DISPATCHER).post("/part-usages", usage).status_code == 404
    line = {"visit_id": str(uuid4()), "part_id": usage["part_id"], "quantity": 1}
    assert api.as_(Role.DISPATCHER).post("/checklist-items", line).status_code == 404


def test_a_dispatcher_adds_a_part_for_one_visit(api: Api) -> None:
    with api.factory.begin() as uow:
        visit_id, part_id = str(an_assigned_visit(uow).visit.id), str(given.a_part(uow).id)
    line = {"visit_id": visit_id, "part_id": part_id, "quantity": 2, "required": False}
    added = api.as_(Role.DISPATCHER).post("/checklist-items", line)
    assert added.status_code == 201, added.text
    (shown,) = api.as_(Role.MANAGER).get("/checklist-items", visit_id=visit_id).json["items"]
    assert (shown["id"], shown["quantity"], shown["packed"]) == (added.json["id"], 2, False)
    assert api.as_(Role.DISPATCHER).post("/checklist-items", line).status_code == 409
