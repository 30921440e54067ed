"""The API of technicians, shifts, assignment and the board, as a client sees it."""

import math
from uuid import UUID

import pytest

from schemas.access import Role
from schemas.dispatch import MOST_CORNERS
from tests.api import Api
from tests.given import dispatch, visits

BERLIN = {"home_latitude": 52.5, "home_longitude": 13.4, "time_zone": "Europe/Berlin"}
MITTE = [
    {"latitude": 52.50, "longitude": 13.35},
    {"latitude": 52.50, "longitude": 13.45},
    {"latitude": 52.55, "longitude": 13.45},
]
CROSSING = [*MITTE, {"latitude": 52.51, "longitude": 13.30}, {"latitude": 52.50, "longitude": 13.46}]


def ring(corners: int) -> list[dict[str, float]]:
    """An area with so many corners that is sound in every other way."""
    turns = (2 * math.pi * corner / corners for corner in range(corners))
    return [
        {"latitude": 52.5 + 0.1 * math.sin(turn), "longitude": 13.4 + 0.1 * math.cos(turn)} for turn in turns
    ]


WRONG: tuple[dict[str, object], ...] = (
    {"home_latitude": 91},
    {"home_latitude": None},
    {"territory": MITTE[:2]},
    {"territory": CROSSING},
    {"territory": ring(MOST_CORNERS + 1)},
    {"territory": ring(10_000)},
    {"territory": [{"latitude": 52, "longitude": 181}] * 3},
    {"time_zone": "Mars/Olympus"},
    {"active": True},
    {"role": "administrator"},
    {"skills": [{"skill_id": "nothing", "level": 1}]},
    {"skills": [{"skill_id": "01890a5d-ac96-774b-bcce-b302099a8057", "level": 6}]},
)


def a_confirmed_visit(api: Api) -> str:
    with api.factory.begin() as uow:
        return str(visits.a_confirmed_visit(uow).id)


def a_technician(api: Api) -> UUID:
    with api.factory.begin() as uow:
        return dispatch.a_technician(uow).id


def test_a_technician_is_a_user_with_a_home_an_area_and_shifts(api: Api) -> None:
    administrator, dispatcher = api.as_(Role.ADMINISTRATOR), api.as_(Role.DISPATCHER)
    made = administrator.post(
        "/technicians",
        {"email": "tove@example.org", "display_name": "Tove Dahl", "territory": MITTE, **BERLIN},
    )
    assert made.status_code == 201, made.json
    technician = made.json
    assert technician["territory"] == MITTE
    assert administrator.get(f"/users/{technician['id']}").json["role"] == "technician"
    shift = dispatcher.post(
        "/shifts",
        {
            "technician_id": technician["id"],
            "starts_at": "2026-03-02T07:00:00Z",
            "ends_at": "2026-03-02T15:00:00Z",
        },
    )
    assert (shift.status_code, shift.json["kind"]) == (201, "work")
    path = f"/technicians/{technician['id']}/shifts"
    assert [one["id"] for one in dispatcher.get(path).json["items"]] == [shift.json["id"]]
    assert dispatcher.delete(f"/shifts/{shift.json['id']}").status_code == 204
    assert dispatcher.get(path).json["items"] == []


def test_a_visit_is_suggested_assigned_dispatched_and_on_the_board(api: Api) -> None:
    dispatcher, visit_id, technician_id = api.as_(Role.DISPATCHER), a_confirmed_visit(api), a_technician(api)
    (suggested,) = dispatcher.get(f"/visits/{visit_id}/technician-suggestions").json["suggestions"]
    assert suggested["technician_id"] == str(technician_id)
    assert 3_000 < suggested["distance_metres"] < 4_000
    assigned = dispatcher.post(f"/visits/{visit_id}/assign", {"technician_id": str(technician_id)})
    assert assigned.json["technician_id"] == str(technician_id)
    assert dispatcher.post(f"/visits/{visit_id}/dispatch").json["status"] == "dispatched"
    board = dispatcher.get("/dispatch/board", day="2026-03-02").json
    (lane,) = board["lanes"]
    assert [visit["id"] for visit in lane["visits"]] == [visit_id]


def test_whoever_is_not_free_is_refused_with_the_reason(api: Api) -> None:
    dispatcher, technician_id = api.as_(Role.DISPATCHER), str(a_technician(api))
    first, second = a_confirmed_visit(api), a_confirmed_visit(api)
    assert dispatcher.post(f"/visits/{first}/assign", {"technician_id": technician_id}).status_code == 200
    taken = dispatcher.post(f"/visits/{second}/assign", {"technician_id": technician_id})
    assert (taken.status_code, taken.json["type"]) == (409, "urn:doorstep:problem:visit-window-taken")


def test_a_technician_sees_himself_and_nobody_else(api: Api) -> None:
    me, other = a_technician(api), a_technician(api)
    tove = api.of(me)
    assert [one["id"] for one in tove.get("/technicians").json["items"]] == [str(me)]
    assert tove.get(f"/technicians/{other}").status_code == 404
    assert tove.get(f"/technicians/{other}/shifts").status_code == 404
    assert tove.get("/dispatch/board", day="2026-03-02").status_code == 403


def test_a_technician_cannot_give_himself_a_visit(api: Api) -> None:
    me, visit_id = a_technician(api), a_confirmed_visit(api)
    answer = api.of(me).post(f"/visits/{visit_id}/assign", {"technician_id": str(me)})
    assert answer.status_code == 403


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_technician_of_whom_something_is_wrong_is_not_made(api: Api) -> None:
    administrator = api.as_(Role.ADMINISTRATOR)
    for wrong in WRONG:
        answer = administrator.post(
            "/technicians", {"email": "tove@example.org", "display_name": "Tove Dahl", **BERLIN, **wrong}
        )
        assert (wrong, answer.status_code) == (wrong, 422)
    assert administrator.get("/technicians").json["items"] == []


def test_an_area_may_have_five_hundred_corners(api: Api) -> None:
    tove = {
        "email": "tove@example.org",
        "display_name": "Tove Dahl",
        **BERLIN,
        "territory": ring(MOST_CORNERS),
    }
    made = api.as_(Role.ADMINISTRATOR).post("/technicians", tove)
    assert (made.status_code, len(made.json["territory"])) == (201, MOST_CORNERS)


def test_an_edit_of_a_technician_says_which_revision_it_saw(api: Api) -> None:
    dispatcher, path = api.as_(Role.DISPATCHER), f"/technicians/{a_technician(api)}"
    assert dispatcher.patch(path, {"active": False}).status_code == 428
    assert dispatcher.patch(path, {"active": False}, revision=1).json["active"] is False
    assert dispatcher.patch(path, {"active": True}, revision=1).status_code == 412
