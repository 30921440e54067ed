"""Users: made and changed by administrators only, disabled at once, never the last administrator."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from backend.access.rules import SHORTEST_PASSWORD
from schemas.access import Role
from tests.api import PASSWORD, Api, Client

NEW_PASSWORD = "seven green umbrellas"
NEW = {
    "email": "grace@example.org",
    "display_name": "Grace",
    "role": "technician",
    "time_zone": "Europe/Berlin",
}
OFFICE_AND_FIELD = [Role.TECHNICIAN, Role.DISPATCHER, Role.FINANCE, Role.MANAGER]


def sign_in(api: Api, email: str, password: str) -> int:
    return api.anonymous.post("/sessions", {"email": email, "password": password}).status_code


def test_an_administrator_makes_a_user_who_signs_in_once_a_password_is_set(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    made = admin.post("/users", NEW)
    assert made.status_code == 201
    assert made.headers["Location"] == f"/users/{made.json['id']}"
    assert sign_in(firm, "grace@example.org", NEW_PASSWORD) == 401
    set_password = admin.post(f"/users/{made.json['id']}/set-password", {"password": NEW_PASSWORD})
    assert set_password.status_code == 204
    assert sign_in(firm, "grace@example.org", NEW_PASSWORD) == 200


def test_nobody_else_makes_or_changes_users(firm: Api) -> None:
    other = firm.as_(Role.TECHNICIAN, "other").user_id
    for role in OFFICE_AND_FIELD:
        check_may_not_manage(firm.as_(role), other)


def check_may_not_manage(client: Client, other: UUID | None) -> None:
    assert client.post("/users", NEW).status_code == 403
    assert client.patch(f"/users/{client.user_id}", {"role": "administrator"}, revision=1).status_code == 403
    assert client.post(f"/users/{other}/disable").status_code == 403
    assert client.post(f"/users/{other}/enable").status_code == 403
    assert client.post(f"/users/{other}/end-sessions").status_code == 403
    assert client.post(f"/users/{other}/set-password", {"password": NEW_PASSWORD}).status_code == 403


NOT_FOR_CALLERS: list[dict[str, object]] = [
    {"is_admin": True},
    {"revision": 7},
    {"password_hash": "x"},
    {"disabled_at": None},
    {"created_at": "2026-01-01T00:00:00Z"},
    {"role": "system"},
    {"role": "customer"},
    {"role": "root"},
    {"time_zone": "Mars/Base"},
    {"email": "no address"},
    {"email": "a@example.org\nBcc: x@example.org"},
    {"display_name": "\u200b"},
    {"id": "not-a-uuid"},
]


def test_fields_nobody_may_set_are_refused_and_nothing_is_made(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    before = admin.get("/users").json
    for extra in NOT_FOR_CALLERS:
        answer = admin.post("/users", {**NEW, **extra})
        assert answer.status_code == 422, extra
        assert answer.json["errors"][0]["pointer"] == "/" + next(iter(extra))
    assert admin.get("/users").json == before


def test_two_users_cannot_have_the_same_address(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    admin.post("/users", NEW)
    again = admin.post("/users", {**NEW, "email": "GRACE@Example.org"})
    assert again.status_code == 409
    assert again.json["type"] == "urn:doorstep:problem:email-taken"


def test_an_id_minted_by_the_client_makes_the_user_once(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    user_id = str(uuid4())
    first = admin.post("/users", {**NEW, "id": user_id})
    assert admin.post("/users", {**NEW, "id": user_id}).json == first.json
    other = admin.post("/users", {**NEW, "id": user_id, "display_name": "Somebody else"})
    assert other.status_code == 409
    assert other.json["type"] == "urn:doorstep:problem:id-already-used"


def test_a_changed_role_counts_from_the_next_request_on(firm: Api) -> None:
    admin, manager = firm.as_(Role.ADMINISTRATOR), firm.as_(Role.MANAGER)
    assert manager.get("/users").status_code == 200
    assert admin.patch(f"/users/{manager.user_id}", {"role": "technician"}, revision=1).status_code == 200
    assert manager.get("/users").status_code == 403


def test_an_edit_on_an_old_revision_is_refused(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    user = admin.post("/users", NEW).json["id"]
    assert admin.patch(f"/users/{user}", {"display_name": "Hopper"}, revision=1).headers["ETag"] == '"2"'
    stale = admin.patch(f"/users/{user}", {"display_name": "Murray"}, revision=1)
    assert stale.status_code == 412
    assert admin.get(f"/users/{user}").json["display_name"] == "Hopper"


def test_a_disabled_user_is_out_at_once_everywhere(firm: Api) -> None:
    admin, dispatcher = firm.as_(Role.ADMINISTRATOR), firm.as_(Role.DISPATCHER)
    second = firm.of(dispatcher.user_id or UUID(int=1))
    assert second.get("/me").status_code == 200
    form = {"email": "dispatcher-first@example.org", "password": PASSWORD}
    refresh_token = firm.anonymous.post("/sessions", form).json["refresh_token"]
    assert admin.post(f"/users/{dispatcher.user_id}/disable").json["disabled_at"]
    assert dispatcher.get("/me").status_code == 401
    assert second.get("/me").status_code == 401
    assert sign_in(firm, "dispatcher-first@example.org", PASSWORD) == 401
    refreshed = firm.anonymous.post("/sessions/refresh", {"refresh_token": refresh_token})
    assert refreshed.status_code == 401


def test_enabling_somebody_does_not_bring_old_sessions_back(firm: Api) -> None:
    admin, dispatcher = firm.as_(Role.ADMINISTRATOR), firm.as_(Role.DISPATCHER)
    admin.post(f"/users/{dispatcher.user_id}/disable")
    admin.post(f"/users/{dispatcher.user_id}/enable")
    assert dispatcher.get("/me").status_code == 401
    assert sign_in(firm, "dispatcher-first@example.org", PASSWORD) == 200


def test_an_administrator_ends_all_sessions_of_somebody(firm: Api) -> None:
    dispatcher = firm.as_(Role.DISPATCHER)
    assert firm.as_(Role.ADMINISTRATOR).post(f"/users/{dispatcher.user_id}/end-sessions").status_code == 204
    assert dispatcher.get("/me").status_code == 401


@pytest.mark.parametrize("change", ["disable", "demote"])
def test_the_last_administrator_stays(firm: Api, change: str) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)

    def lose(client: Client, user_id: UUID | None) -> int:
        if change == "disable":
            return client.post(f"/users/{user_id}/disable").status_code
        return client.patch(f"/users/{user_id}", {"role": "manager"}, revision=1).status_code

    assert lose(admin, admin.user_id) == 409
    second = firm.as_(Role.ADMINISTRATOR, "second")
    assert lose(admin, second.user_id) == 200
    assert lose(admin, admin.user_id) == 409


def test_people_change_their_own_password_and_other_browsers_are_signed_out(firm: Api) -> None:
    finance = firm.as_(Role.FINANCE)
    other_browser = firm.of(finance.user_id or UUID(int=1))
    fields = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert finance.post("/me/change-password", fields).status_code == 204
    assert finance.get("/me").status_code == 200
    assert other_browser.get("/me").status_code == 401
    assert sign_in(firm, "finance-first@example.org", PASSWORD) == 401
    assert sign_in(firm, "finance-first@example.org", NEW_PASSWORD) == 200


def test_a_password_is_not_changed_without_the_current_one(firm: Api) -> None:
    fields = {"current_password": "not this one", "new_password": NEW_PASSWORD}
    assert firm.as_(Role.FINANCE).post("/me/change-password", fields).status_code == 422
    assert sign_in(firm, "finance-first@example.org", PASSWORD) == 200


def test_a_password_that_is_easy_to_guess_is_refused(firm: Api) -> None:
    easy = [
        "x" * (SHORTEST_PASSWORD - 1),
        "password",
        "Password123!",
        "12345678",
        "qwertyuiop",
        "aaaaaaaaaaaa",
    ]
    own = ["finance-first", "finance-first@example.org", "First Finance"]
    for password in easy + own:
        fields = {"current_password": PASSWORD, "new_password": password}
        answer = firm.as_(Role.FINANCE).post("/me/change-password", fields)
        assert answer.status_code == 422, password
        assert answer.json["type"] == "urn:doorstep:problem:password-too-weak"


def test_a_password_needs_no_digits_or_marks_and_may_be_long(firm: Api) -> None:
    current = PASSWORD
    for password in ("tram slate", "ä" * 3 + "ßøłđ字", "a word " * 100):
        fields = {"current_password": current, "new_password": password}
        assert firm.as_(Role.FINANCE).post("/me/change-password", fields).status_code == 204, password
        assert sign_in(firm, "finance-first@example.org", password) == 200
        current = password


def test_a_password_is_the_same_however_its_accents_are_encoded(firm: Api) -> None:
    fields = {"current_password": PASSWORD, "new_password": "cafe\u0301 au lait"}
    assert firm.as_(Role.FINANCE).post("/me/change-password", fields).status_code == 204
    assert sign_in(firm, "finance-first@example.org", "caf\u00e9 au lait") == 200


def test_the_list_of_users_is_paged_and_filtered(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    for number in range(5):
        firm.as_(Role.TECHNICIAN, f"n{number}")
    seen, after = [], None
    while True:
        query = {"limit": 2, "role": "technician", **({"after": after} if after else {})}
        page = admin.get("/users", **query).json
        seen += [user["email"] for user in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [f"technician-n{number}@example.org" for number in range(5)]
    assert "password_hash" not in admin.get("/users").text


def test_nobody_sees_the_list_of_users_in_the_field(firm: Api) -> None:
    technician = firm.as_(Role.TECHNICIAN)
    assert technician.get("/users").status_code == 403
    assert technician.get(f"/users/{technician.user_id}").status_code == 403
