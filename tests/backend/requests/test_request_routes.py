"""The doors of the room requests: intake, filters, transitions, and input that nobody should send."""

from datetime import timedelta
from typing import Any

from schemas.access import Role
from tests.api import Api
from tests.given import customers


def _body(api: Api, **over: Any) -> dict[str, Any]:
    with api.factory.begin() as uow:
        site = customers.a_site(uow)
        fields = {"customer_id": str(site.customer_id), "site_id": str(site.id)}
    return {"channel": "phone", "said": "The boiler is cold.", **fields, **over}


def test_a_request_goes_from_intake_to_its_end(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    taken = dispatcher.post("/service-requests", _body(api))
    assert (taken.status_code, taken.json["number"], taken.json["status"]) == (201, "SR-000001", "new")
    path = taken.headers["Location"]
    edited = dispatcher.patch(path, {"category": "Boiler"}, revision=taken.json["revision"])
    assert edited.json["category"] == "Boiler"
    assert dispatcher.post(f"{path}/respond").json["responded_at"] is not None
    triage = {"outcome": "remote", "outcome_reason": "Pressed the button."}
    assert dispatcher.post(f"{path}/triage", triage).json["status"] == "triaged"
    again = dispatcher.post(f"{path}/triage", triage)
    assert (again.status_code, again.json["status"]) == (409, 409)
    assert again.json["type"] == "urn:doorstep:problem:request-transition-blocked"
    transitions = {t["name"]: t for t in dispatcher.get(f"{path}/transitions").json}
    assert transitions["triage"]["reason"] == again.json["detail"]
    assert transitions["close"] == {"name": "close", "allowed": True, "reason": None}
    assert dispatcher.post(f"{path}/close").json["status"] == "closed"
    assert dispatcher.post(f"{path}/reopen", {"reason": "Cold again."}).json["status"] == "new"
    touches = dispatcher.get(f"{path}/touches").json
    assert {(t["user_id"], t["how"]) for t in touches} == {
        (str(dispatcher.user_id), "intake"),
        (str(dispatcher.user_id), "triage"),
    }


def test_requests_are_found_by_what_is_asked(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    urgent = dispatcher.post("/service-requests", _body(api, priority="urgent")).json
    calm = dispatcher.post("/service-requests", _body(api, site_id=None)).json

    def found(**query: str) -> list[str]:
        return [item["id"] for item in dispatcher.get("/service-requests", **query).json["items"]]

    assert found() == [urgent["id"], calm["id"]]
    assert found(priority="urgent") == [urgent["id"]]
    assert found(number=calm["number"]) == [calm["id"]]
    assert found(needs_location="true") == [calm["id"]]
    assert found(customer_id=urgent["customer_id"]) == [urgent["id"]]
    assert found(status="closed") == []
    soon = (api.wiring.clock() + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    assert found(response_due_before=soon) == [urgent["id"]]


def test_a_request_that_makes_no_sense_is_a_problem_and_draws_no_number(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    body = _body(api)
    wrongs: list[dict[str, Any]] = [
        {"channel": "import"},
        {"channel": "pigeon"},
        {"said": ""},
        {"said": "a\u0000b"},
        {"said": "x" * 4001},
        {"priority": 1},
        {"status": "closed"},
        {"outcome": "refund"},
        {"number": "SR-000007"},
        {"taken_by": str(dispatcher.user_id)},
        {"received_at": "9999-01-01T00:00:00Z"},
        {"received_at": "2026-03-01T08:00:00"},
        {"received_at": "2031-03-01T08:00:00Z"},
        {"due_at": "tomorrow"},
        {"site_id": "x"},
    ]
    for wrong in wrongs:
        answer = dispatcher.post("/service-requests", {**body, **wrong})
        assert answer.status_code in {400, 422}, wrong
        assert answer.mimetype == "application/problem+json"
    assert dispatcher.get("/service-requests").json["items"] == []
    assert dispatcher.post("/service-requests", body).json["number"] == "SR-000001"


def test_a_triage_that_makes_no_sense_is_a_problem_and_decides_nothing(api: Api) -> None:
    dispatcher = api.as_(Role.DISPATCHER)
    path = dispatcher.post("/service-requests", _body(api)).headers["Location"]
    wrongs: list[dict[str, Any]] = [
        {},
        {"outcome": "visit"},
        {"outcome": "teleport"},
        {"outcome": "remote"},
        {"outcome": "remote", "outcome_reason": "ok", "due": "2026-03-03T08:00:00Z"},
        {"outcome": "remote", "outcome_reason": "ok", "status": "closed"},
    ]
    for wrong in wrongs:
        assert dispatcher.post(f"{path}/triage", wrong).status_code == 422, wrong
    assert dispatcher.get(path).json["status"] == "new"


def test_what_is_not_his_is_not_found_for_a_technician_and_nothing_is_his_to_decide(api: Api) -> None:
    taken = api.as_(Role.DISPATCHER).post("/service-requests", _body(api))
    path = taken.headers["Location"]
    technician = api.as_(Role.TECHNICIAN)
    for reading in (path, f"{path}/transitions", f"{path}/touches"):
        assert technician.get(reading).status_code == 404
    assert technician.get("/service-requests").json["items"] == []
    assert technician.post("/service-requests", _body(api)).status_code == 403
    assert technician.post(f"{path}/close").status_code == 403
    assert api.anonymous.get(path).status_code == 401
