"""The routes of reports: what is answered, to whom, and what bad input does (nothing)."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api import Api, Client
from tests.given import reports, visits


@pytest.fixture
def work(api: Api) -> reports.Work:
    with api.factory.begin() as uow:
        return reports.a_visit_under_way(uow)


@pytest.fixture
def client(api: Api, work: reports.Work) -> Client:
    return api.of(work.technician.id)


def match(record: Any) -> dict[str, str]:
    return {"If-Match": f'"{record["revision"]}"'}


def only(client: Client, path: str, work: reports.Work) -> dict[str, Any]:
    (item,) = client.get(path, visit_id=str(work.visit_id)).json["items"]
    return dict(item)


def test_prose_is_written_on_the_revision_that_was_read(client: Client, work: reports.Work) -> None:
    report = only(client, "/service-reports", work)
    path = f"/service-reports/{report['id']}/write"
    assert client.post(path, {"findings": "A leak."}).status_code == 428
    written = client.post(path, {"findings": "A leak."}, headers=match(report))
    assert (written.status_code, written.json["findings"]) == (200, "A leak.")
    assert written.headers["ETag"] == f'"{written.json["revision"]}"'
    assert client.post(path, {"findings": "Another."}, headers=match(report)).status_code == 412


def test_the_api_says_what_is_open_and_what_can_be_done(client: Client, work: reports.Work) -> None:
    path = f"/service-reports/{work.report_id}"
    readiness = client.get(f"{path}/readiness").json
    assert readiness["ready"] is False
    assert "feedback-missing" in {item["code"] for item in readiness["open"]}
    transitions = {each["name"]: each for each in client.get(f"{path}/transitions").json}
    assert set(transitions) == {"freeze", "sign", "refuse", "mark_absent", "close"}
    assert not any(each["allowed"] for each in transitions.values())
    assert "Offer the card" in transitions["freeze"]["reason"]
    refused = client.post(f"{path}/freeze")
    assert (refused.status_code, refused.json["open"]) == (409, readiness["open"])


def test_a_frozen_report_may_be_signed_by_its_technician_and_is_only_shown_to_the_office(api: Api) -> None:
    with api.factory.begin() as uow:
        frozen = reports.a_frozen_report(uow)
    path = f"/service-reports/{frozen.report_id}"

    def allowed(client: Client) -> set[str]:
        return {each["name"] for each in client.get(f"{path}/transitions").json if each["allowed"]}

    assert allowed(api.of(frozen.technician.id)) == {"sign", "refuse", "mark_absent"}
    assert allowed(api.as_("dispatcher")) == {"close"}
    assert api.as_("dispatcher").post(f"{path}/refuse", {"reason": "So."}).status_code == 403
    refused = api.of(frozen.technician.id).post(f"{path}/refuse", {"reason": "Too expensive."})
    assert (refused.status_code, refused.json["status"]) == (200, "refused")
    manifest = api.as_("manager").get(f"{path}/manifest").json
    assert (manifest["media_expected"], manifest["media_stored"]) == (2, 0)
    assert {entry["stored"] for entry in manifest["entries"]} == {False}
    waiting = api.as_("manager").get("/service-reports", awaiting_media="true").json["items"]
    assert [report["id"] for report in waiting] == [str(frozen.report_id)]
    assert api.as_("manager").get("/service-reports", awaiting_media="false").json["items"] == []


def test_every_record_of_a_stranger_is_unknown(api: Api, client: Client, work: reports.Work) -> None:
    with api.factory.begin() as uow:
        other = reports.a_complete_draft(uow)
        step, part = other.step(uow, "no-gifts").id, uuid4()
    removed = {"id": str(part), "visit_id": str(other.visit_id), "name": "Pump"}
    charge = {"report_id": str(other.report_id), "description": "x", "quantity": 1}
    charge |= {"unit_minor": 1, "currency": "EUR"}
    assert api.of(other.technician.id).post("/removed-parts", removed).status_code == 201
    one = {"If-Match": '"1"'}
    for method, path, body, headers in (
        ("GET", f"/service-reports/{other.report_id}", None, {}),
        ("GET", f"/service-reports/{other.report_id}/readiness", None, {}),
        ("GET", f"/service-reports/{other.report_id}/transitions", None, {}),
        ("GET", f"/service-reports/{other.report_id}/manifest", None, {}),
        ("POST", f"/service-reports/{other.report_id}/write", {"findings": "x"}, one),
        ("POST", f"/service-reports/{other.report_id}/freeze", {}, {}),
        ("POST", f"/service-reports/{other.report_id}/refuse", {"reason": "x"}, {}),
        ("GET", f"/conduct-steps/{step}", None, {}),
        ("POST", f"/conduct-steps/{step}/answer", {"answer": "yes"}, one),
        ("GET", f"/removed-parts/{part}", None, {}),
        (
            "POST",
            f"/removed-parts/{part}/settle",
            {"disposition": "keep", "consented_by": "x"},
            {},
        ),
        ("POST", "/removed-parts", {**removed, "id": str(uuid4())}, {}),
        ("POST", "/report-charges", charge, {}),
        ("GET", f"/feedback-cards/{other.card_id}", None, {}),
        ("POST", f"/feedback-cards/{other.card_id}/fill", {"quality": 1}, one),
    ):
        more = {} if body is None else {"json": body}
        answer = client.send(method, path, headers=headers, **more)
        assert (method, path, answer.status_code) == (method, path, 404)
    for path in ("/service-reports", "/conduct-steps", "/removed-parts", "/feedback-cards"):
        assert client.get(path, visit_id=str(other.visit_id)).json["items"] == []
    assert client.get("/report-charges", report_id=str(other.report_id)).json["items"] == []


BAD = (
    ("/service-reports/{report}/write", {"status": "signed"}),
    ("/service-reports/{report}/write", {"findings": "x", "revision": 9}),
    ("/service-reports/{report}/write", {"findings": "nul \x00"}),
    ("/service-reports/{report}/write", {"findings": "x" * 10_001}),
    ("/service-reports/{report}/write", {"findings": 7}),
    ("/service-reports/{report}/freeze", {"frozen_at": "2026-03-02T08:00:00Z"}),
    ("/service-reports/{report}/sign", {"signer_name": "Ada"}),
    ("/service-reports/{report}/refuse", {"reason": "\u200b"}),
    ("/conduct-steps/{step}/answer", {"answer": "maybe"}),
    ("/conduct-steps/{step}/answer", {"required": False}),
    ("/feedback-cards/{card}/fill", {"quality": 6}),
    ("/feedback-cards/{card}/fill", {"quality": 4.5}),
    ("/feedback-cards/{card}/fill", {"quality": True}),
    ("/removed-parts", {"visit_id": "{visit}", "name": "Pump", "disposition": "keep"}),
    ("/removed-parts", {"visit_id": "{visit}", "name": "Pump", "recorded_by": "{visit}"}),
    ("/report-charges", {"report_id": "{report}", "description": "x", "quantity": 1, "unit_minor": 1.5}),
)
MONEY = (
    {"unit_minor": -1},
    {"unit_minor": 10**12},
    {"unit_minor": "1"},
    {"quantity": 0},
    {"currency": "eur"},
    {"currency": "XYZ"},
    {"approved": True},
)


def test_bad_input_is_a_problem_without_effect(client: Client, work: reports.Work, api: Api) -> None:
    with api.factory.begin(write=False) as uow:
        step = work.step(uow, "no-gifts").id
    ids = {"report": work.report_id, "card": work.card_id, "step": step, "visit": work.visit_id}
    charge = {"report_id": str(work.report_id), "description": "x", "quantity": 1}
    charge |= {"unit_minor": 1, "currency": "EUR"}
    attempts = [*BAD, *(("/report-charges", {**charge, **lie}) for lie in MONEY)]
    for path, body in attempts:
        filled = {k: v.format(**ids) if isinstance(v, str) else v for k, v in body.items()}
        answer = client.post(path.format(**ids), filled, headers={"If-Match": '"1"'})
        assert (path, body, answer.status_code) in ((path, body, 422), (path, body, 400))
        assert answer.mimetype == "application/problem+json"
    assert only(client, "/service-reports", work)["revision"] == 1
    assert client.get("/removed-parts").json["items"] == client.get("/report-charges").json["items"] == []


def test_a_manager_lets_a_rule_differ_for_one_kind_of_work(api: Api) -> None:
    with api.factory.begin() as uow:
        kind = visits.a_work_type(uow).id
    manager = api.as_("manager")
    rules = {rule["code"]: rule for rule in manager.get("/conduct-rules").json["items"]}
    path = f"/conduct-rules/{rules['no-gifts']['id']}/override"
    body = {"work_type_id": str(kind), "required": False}
    assert api.as_("dispatcher").post(path, body).status_code == 403
    first = manager.post(path, body)
    assert (first.status_code, first.json["required"]) == (200, False)
    again = manager.post(path, {"work_type_id": str(kind), "applies": False})
    assert (again.json["id"], again.json["required"], again.json["applies"]) == (
        first.json["id"],
        True,
        False,
    )
    assert len(manager.get("/conduct-rules", work_type_id=str(kind)).json["items"]) == 1
    assert manager.post(f"/conduct-rules/{first.json['id']}/override", body).status_code == 404
    assert manager.post(path, {"work_type_id": str(uuid4())}).status_code == 404
