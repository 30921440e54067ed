"""The doors of the room customers: paging, edits on a revision, and input that nobody should send."""

from typing import Any
from uuid import uuid4

from schemas.access import Role
from tests.api import Api
from tests.given import customers as given

SITE = {"address": "Torstraße 1", "latitude": 52.52, "longitude": 13.41}


def _customer(api: Api, name: str = "Ada Lindgren") -> dict[str, Any]:
    answer = api.as_(Role.DISPATCHER).post("/customers", {"name": name, "email": "ada@Example.ORG"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def test_what_was_created_is_shown_at_its_location(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    created = dispatcher.post("/customers", {"name": "Ada", "phone": "+49 30 123"})
    shown = dispatcher.get(created.headers["Location"])
    assert shown.json == created.json
    assert shown.headers["ETag"] == '"1"'
    assert shown.json["language"] == "en"


def test_a_site_shows_its_place_as_two_numbers_and_an_unlocated_one_as_null(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    customer_id = _customer(api)["id"]
    located = dispatcher.post("/sites", {**SITE, "customer_id": customer_id}).json
    assert (located["latitude"], located["longitude"]) == (52.52, 13.41)
    assert (located["time_zone"], located["needs_location"]) == ("Europe/Berlin", False)
    unlocated = {"address": "Somewhere", "customer_id": customer_id, "time_zone": "Europe/Berlin"}
    body = dispatcher.post("/sites", unlocated).json
    assert (body["latitude"], body["longitude"], body["needs_location"]) == (None, None, True)
    waiting = dispatcher.get("/sites", needs_location="true").json["items"]
    assert [site["id"] for site in waiting] == [body["id"]]


def test_an_edit_needs_the_revision_that_was_read(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    path = f"/customers/{_customer(api)['id']}"
    assert dispatcher.patch(path, {"name": "B"}).status_code == 428
    assert dispatcher.patch(path, {"name": "B"}, revision=1).json["revision"] == 2
    assert dispatcher.patch(path, {"name": "C"}, revision=1).status_code == 412
    assert dispatcher.get(path).json["name"] == "B"


def test_an_absent_field_stays_and_a_null_one_is_emptied(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    path = f"/customers/{_customer(api)['id']}"
    edited = dispatcher.patch(path, {"phone": "030 123"}, revision=1).json
    assert (edited["email"], edited["phone"]) == ("ada@example.org", "030 123")
    emptied = dispatcher.patch(path, {"email": None}, revision=2).json
    assert (emptied["email"], emptied["phone"]) == (None, "030 123")


def test_pages_hold_every_customer_once(api: Api) -> None:
    names = {_customer(api, f"Customer {number}")["name"] for number in range(7)}
    seen, after = [], None
    while True:
        query = {"limit": "3", "name": "customer"} | ({"after": after} if after else {})
        page = api.as_(Role.MANAGER).get("/customers", **query).json
        seen += [item["name"] for item in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(names)
    assert set(seen) == names


def test_an_external_key_is_taken_once(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    body = {"name": "Ada", "external_key": "crm-7"}
    assert dispatcher.post("/customers", body).status_code == 201
    again = dispatcher.post("/customers", body)
    assert (again.status_code, again.json["type"]) == (409, "urn:doorstep:problem:external-key-taken")


def test_a_serial_number_is_taken_once_per_model(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    site = dispatcher.post("/sites", {**SITE, "customer_id": _customer(api)["id"]}).json
    body = {"site_id": site["id"], "model": "ecoTEC", "serial_number": "\u00c9-1"}
    assert dispatcher.post("/assets", body).status_code == 201
    for twin in (body, {**body, "serial_number": "E\u0301-1"}):
        again = dispatcher.post("/assets", twin)
        assert (again.status_code, again.json["type"]) == (409, "urn:doorstep:problem:serial-number-taken")
    assert dispatcher.post("/assets", {**body, "model": "atmoTEC"}).status_code == 201


def test_coverage_is_asked_by_day(api: Api) -> None:
    with api.factory.begin() as uow:
        asset_id = given.an_entitlement(uow).asset_id
    path = f"/assets/{asset_id}/coverage"
    assert api.as_(Role.FINANCE).get(path, on="2026-05-01").json["covered"] is True
    assert api.as_(Role.FINANCE).get(path, on="2027-05-01").json == {
        "asset_id": str(asset_id),
        "on": "2027-05-01",
        "covered": False,
        "entitlement_id": None,
        "kind": None,
        "covers": None,
        "ends_on": None,
    }
    assert api.as_(Role.FINANCE).get(path, on="2027-13-01").status_code == 422
    assert api.as_(Role.FINANCE).get(path).status_code == 422


BAD_CUSTOMERS: list[dict[str, Any]] = [
    {},
    {"name": ""},
    {"name": "\u200b"},
    {"name": "a\u0000b"},
    {"name": "x" * 201},
    {"name": 7},
    {"name": None},
    {"name": "A", "email": "nobody"},
    {"name": "A", "phone": "call me"},
    {"name": "A", "language": "English"},
    {"name": "A", "revision": 7},
    {"name": "A", "archived_at": "2026-01-01T00:00:00Z"},
    {"name": "A", "search_name": "b"},
    {"name": "A", "role": "administrator"},
    {"name": "A", "id": "7"},
    {"name": "A", "id": "00000000-0000-0000-0000-000000000000"},
]


def test_a_customer_that_makes_no_sense_is_a_problem_and_leaves_nothing(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    for body in BAD_CUSTOMERS:
        answer = dispatcher.post("/customers", body)
        assert answer.status_code in {400, 422}, body
        assert answer.mimetype == "application/problem+json"
    assert dispatcher.get("/customers").json["items"] == []


BAD_SITES: list[dict[str, Any]] = [
    {"latitude": 90.001},
    {"longitude": -180.5},
    {"latitude": "52"},
    {"latitude": True},
    {"latitude": None},
    {"latitude": 1e400},
    {"time_zone": "Mars/Olympus"},
    {"time_zone": "../../etc/passwd"},
    {"country": "Germany"},
    {"needs_location": False},
    {"point": "POINT(1 2)"},
]


def test_a_site_that_is_nowhere_is_a_problem(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    body = {**SITE, "customer_id": _customer(api)["id"]}
    for wrong in BAD_SITES:
        assert dispatcher.post("/sites", {**body, **wrong}).status_code in {400, 422}, wrong
    assert dispatcher.get("/sites").json["items"] == []


def test_a_site_of_nobody_is_not_found(api: Api) -> None:
    answer = api.as_(Role.DISPATCHER).post("/sites", {**SITE, "customer_id": str(uuid4())})
    assert (answer.status_code, answer.json["type"]) == (404, "urn:doorstep:problem:customer-not-found")


def test_what_is_not_his_is_not_found_for_a_technician(api: Api) -> None:
    customer = _customer(api)
    technician = api.as_(Role.TECHNICIAN)
    assert technician.get(f"/customers/{customer['id']}").status_code == 404
    assert technician.get("/customers").json == {"items": [], "next": None}
    assert technician.post("/customers", {"name": "Mine"}).status_code == 403
    assert technician.patch(f"/customers/{customer['id']}", {"name": "Mine"}, revision=1).status_code == 403
