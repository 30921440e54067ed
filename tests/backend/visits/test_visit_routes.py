"""The API of work types, work orders and visits, as a client sees it."""

from uuid import UUID, uuid4

import pytest

from schemas.access import Role
from tests.api import Api
from tests.given import customers, dispatch, visits

PROBLEM = "urn:doorstep:problem:"
WINDOW = {"local_date": "2026-03-03", "local_start": "09:00", "local_end": "11:00"}
IMPOSSIBLE_WINDOWS = (
    {"starts_at": "2026-03-03T08:00:00Z"},
    {"starts_at": "2026-03-03T08:00:00", "ends_at": "2026-03-03T09:00:00"},
    {"starts_at": "9999-03-03T08:00:00Z", "ends_at": "9999-03-03T09:00:00Z"},
    {"starts_at": "2026-03-03T10:00:00Z", "ends_at": "2026-03-03T09:00:00Z"},
    {"local_date": "2026-02-30", "local_start": "09:00", "local_end": "10:00"},
    {"local_date": "2026-03-29", "local_start": "02:30", "local_end": "04:00"},
    {"local_date": "2026-03-03", "local_start": "24:00", "local_end": "25:00"},
    {"local_date": "2026-03-03", "local_start": "9:00", "local_end": "10:00"},
    {**WINDOW, "starts_at": "2026-03-03T08:00:00Z", "ends_at": "2026-03-03T09:00:00Z"},
)
on_sqlite = pytest.mark.parametrize("engine_name", ["sqlite"])
"""For what is decided before the database is asked."""


def problem_of(answer) -> str:
    assert answer.content_type == "application/problem+json"
    return answer.json["type"].removeprefix(PROBLEM)


def a_work_order(api: Api) -> str:
    with api.factory.begin() as uow:
        return str(visits.a_work_order(uow).id)


def a_visit(api: Api) -> str:
    with api.factory.begin() as uow:
        return str(visits.a_visit(uow).id)


def a_dispatched_visit(api: Api) -> tuple[str, UUID]:
    with api.factory.begin() as uow:
        technician = dispatch.a_technician(uow)
        return str(dispatch.a_dispatched_visit(uow, technician).id), technician.id


def test_a_job_from_the_template_to_the_door(api: Api) -> None:
    manager, dispatcher = api.as_(Role.MANAGER), api.as_(Role.DISPATCHER)
    with api.factory.begin() as uow:
        site_id = str(customers.a_site(uow).id)
    skill = manager.post("/skills", {"code": "gas", "name": "Gas"}).json
    work_type = manager.post(
        "/work-types",
        {
            "code": "boiler",
            "name": "Boiler service",
            "duration_minutes": 45,
            "skills": [{"skill_id": skill["id"], "level": 2}],
        },
    )
    assert work_type.status_code == 201
    assert work_type.headers["Location"] == f"/work-types/{work_type.json['id']}"
    needed = dispatcher.get(f"/work-types/{work_type.json['id']}/skills").json
    assert needed == [{"skill_id": skill["id"], "level": 2}]
    order = dispatcher.post(
        "/work-orders", {"site_id": site_id, "work_type_id": work_type.json["id"], "summary": "Cold."}
    ).json
    assert (order["status"], order["number"]) == ("unscheduled", "WO-000001")
    booked = dispatcher.post("/visits", {"work_order_id": order["id"], **WINDOW})
    assert booked.status_code == 201
    assert booked.headers["ETag"] == f'"{booked.json["revision"]}"'
    visit = booked.json
    assert visit["arrival_window_start"] == "2026-03-03T08:00:00.000000Z"
    assert visit["scheduled_end"] == "2026-03-03T08:45:00.000000Z"
    confirmed = dispatcher.post(f"/visits/{visit['id']}/confirm", {"window_version": 1}).json
    assert confirmed["status"] == "confirmed"
    assert dispatcher.get(f"/work-orders/{order['id']}").json["status"] == "scheduled"
    events = dispatcher.get(f"/visits/{visit['id']}/events").json["items"]
    assert [event["name"] for event in events] == ["book", "confirm"]


def test_the_transitions_of_a_visit_come_with_the_reason_of_what_is_blocked(api: Api) -> None:
    asked = api.as_(Role.DISPATCHER).get(f"/visits/{a_visit(api)}/transitions").json
    by_name = {answer["name"]: answer for answer in asked}
    assert by_name["confirm"] == {"name": "confirm", "allowed": True, "reason": None}
    assert by_name["arrive"]["allowed"] is False
    assert by_name["arrive"]["reason"].endswith("a dispatcher has to dispatch it first.")
    assert "it has no technician: assign one" in by_name["dispatch"]["reason"]


def test_a_technician_reports_his_day(api: Api) -> None:
    visit_id, technician_id = a_dispatched_visit(api)
    tove = api.of(technician_id)
    place = {"latitude": 52.5286, "longitude": 13.4105, "occurred_at": "2026-03-02T11:04:00+02:00"}
    for verb, status in (("accept", "accepted"), ("depart", "en_route"), ("arrive", "on_site")):
        assert tove.post(f"/visits/{visit_id}/{verb}", place).json["status"] == status
    assert problem_of(tove.post(f"/visits/{visit_id}/complete")) == "report-unsigned"
    undone = tove.post(f"/visits/{visit_id}/cannot-complete", {"reason": "Wrong part."}).json
    assert (undone["status"], undone["arrived_at"]) == ("cannot_complete", "2026-03-02T09:04:00.000000Z")


def test_where_a_step_was_reported_is_shown_to_the_office_and_to_no_technician(api: Api) -> None:
    visit_id, technician_id = a_dispatched_visit(api)
    tove, place = api.of(technician_id), {"latitude": 52.5286, "longitude": 13.4105}
    tove.post(f"/visits/{visit_id}/arrive", place)
    (shown,) = api.as_(Role.DISPATCHER).get(f"/visits/{visit_id}/places").json
    assert (shown["name"], shown["latitude"], shown["longitude"]) == ("arrive", 52.5286, 13.4105)
    events = tove.get(f"/visits/{visit_id}/events").text
    assert "arrive" in events
    assert "52.5286" not in events
    assert tove.get(f"/visits/{visit_id}/places").status_code == 403
    assert api.as_(Role.FINANCE).get(f"/visits/{visit_id}/places").status_code == 403


def test_a_technician_sees_his_own_visits_and_no_trace_of_others(api: Api) -> None:
    mine, technician_id = a_dispatched_visit(api)
    others, _ = a_dispatched_visit(api)
    tove = api.of(technician_id)
    assert [visit["id"] for visit in tove.get("/visits").json["items"]] == [mine]
    work_order_id = api.as_(Role.DISPATCHER).get(f"/visits/{others}").json["work_order_id"]
    unknown = str(uuid4())
    for path in ("/visits/{}", "/visits/{}/events", "/visits/{}/notes", "/visits/{}/transitions"):
        foreign, missing = tove.get(path.format(others)), tove.get(path.format(unknown))
        assert (foreign.status_code, missing.status_code) == (404, 404)
        assert foreign.json["detail"] == missing.json["detail"]
    assert tove.get(f"/work-orders/{work_order_id}").status_code == 404
    assert tove.post(f"/visits/{others}/arrive").status_code == 404
    assert tove.post("/visit-notes", {"visit_id": others, "text": "Hello"}).status_code == 404


def test_work_after_revocation_is_a_conflict_of_its_own_kind(api: Api) -> None:
    visit_id, technician_id = a_dispatched_visit(api)
    tove = api.of(technician_id)
    api.as_(Role.DISPATCHER).post(f"/visits/{visit_id}/cancel", {"reason": "Double."})
    answer = tove.post(f"/visits/{visit_id}/arrive")
    assert (answer.status_code, problem_of(answer)) == (409, "work-after-revocation")


@on_sqlite
def test_nobody_assigns_what_only_the_server_decides(api: Api) -> None:
    ids = {"order": a_work_order(api), "visit": a_visit(api)}
    dispatcher = api.as_(Role.DISPATCHER)
    before = dispatcher.get(f"/visits/{ids['visit']}").json
    for path, body in (
        ("/visits", {"work_order_id": ids["order"]}),
        (f"/visits/{ids['visit']}/confirm", {"window_version": 1}),
        (f"/visits/{ids['visit']}/arrive", {}),
        (f"/visits/{ids['visit']}/cancel", {"reason": "No."}),
        (f"/visits/{ids['visit']}/offer-windows", {"windows": [WINDOW]}),
        (f"/work-orders/{ids['order']}/cancel", {"reason": "No."}),
    ):
        for field in {
            "status",
            "technician_id",
            "revision",
            "number",
            "confirmation",
            "created_at",
        } - body.keys():
            answer = dispatcher.post(path, {**body, field: "cancelled"})
            assert (answer.status_code, problem_of(answer)) == (422, "invalid-fields")
            assert answer.json["errors"][0]["pointer"] == f"/{field}"
    assert dispatcher.get(f"/visits/{ids['visit']}").json == before
    assert len(dispatcher.get("/visits").json["items"]) == 1


@on_sqlite
def test_a_window_that_cannot_be_kept_is_refused_and_nothing_is_booked(api: Api) -> None:
    dispatcher, order_id = api.as_(Role.DISPATCHER), a_work_order(api)
    for window in IMPOSSIBLE_WINDOWS:
        answer = dispatcher.post("/visits", {"work_order_id": order_id, **window})
        assert (window, answer.status_code) == (window, 422)
    assert dispatcher.get("/visits").json["items"] == []


def test_an_edit_of_a_work_order_says_which_revision_it_saw(api: Api) -> None:
    dispatcher, order_id = api.as_(Role.DISPATCHER), a_work_order(api)
    path = f"/work-orders/{order_id}"
    assert dispatcher.patch(path, {"summary": "Colder."}).status_code == 428
    assert dispatcher.patch(path, {"summary": "Colder."}, revision=1).json["summary"] == "Colder."
    assert dispatcher.patch(path, {"summary": "Warm."}, revision=1).status_code == 412
    assert problem_of(dispatcher.patch(path, {"status": "completed"}, revision=2)) == "invalid-fields"


def test_codes_are_unique_and_say_so(api: Api) -> None:
    manager = api.as_(Role.MANAGER)
    for path, body in (
        ("/skills", {"code": "gas", "name": "Gas"}),
        ("/work-types", {"code": "boiler", "name": "Boiler", "duration_minutes": 60}),
    ):
        assert manager.post(path, body).status_code == 201
        twin = manager.post(path, body)
        assert (twin.status_code, problem_of(twin)) == (409, "code-taken")


@on_sqlite
def test_a_work_order_of_which_no_payment_is_known_has_the_badge_none(api: Api) -> None:
    work_order_id = a_work_order(api)
    badge = api.as_(Role.FINANCE).get(f"/work-orders/{work_order_id}/badge")
    assert badge.json == {"id": None, "revision": None, "state": "none", "work_order_id": work_order_id}
    assert "ETag" not in badge.headers


def test_a_link_is_mailed_and_its_token_is_not_in_the_answer(api: Api) -> None:
    with api.factory.begin() as uow:
        customer = customers.a_customer(uow, email="ada@example.org")
        site = customers.a_site(uow, customer_id=customer.id)
        visit_id = visits.a_visit(uow, work_order_id=visits.a_work_order(uow, site_id=site.id).id).id
    answer = api.as_(Role.DISPATCHER).post(f"/visits/{visit_id}/issue-confirmation-link")
    assert answer.status_code == 200
    assert answer.json.keys() == {"id", "revision", "visit_id", "expires_at"}
