"""Refresh tokens: used once, forgiving one lost answer, ending the family when an old one shows up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from backend.access.queries import audit_entries
from backend.access.rules import FAMILY_LIFETIMES, REFRESH_GRACE
from backend.db.paging import PageRequest
from schemas.access import Role
from tests.api import PASSWORD, Api
from tests.clock import SettableClock
from tests.databases import Database

PAST_GRACE = REFRESH_GRACE + timedelta(seconds=1)


@pytest.fixture
def tokens(firm: Api) -> dict[str, Any]:
    """The first pair of a fresh session."""
    firm.as_(Role.MANAGER)
    answer = firm.anonymous.post("/sessions", {"email": "manager-first@example.org", "password": PASSWORD})
    return dict(answer.json)


def refresh(api: Api, token: str) -> TestResponse:
    return api.anonymous.post("/sessions/refresh", {"refresh_token": token})


def use(api: Api, access_token: str, method: str = "POST") -> int:
    """Use an access token for something that may write (and is then refused), or only reads."""
    path = "/me" if method == "GET" else "/devices/enrolment-codes"
    headers = {"Authorization": f"Bearer {access_token}"}
    me = api.anonymous.get("/me", headers=headers)
    if method == "GET" or me.status_code != 200:
        return me.status_code
    return api.anonymous.post(path, {"user_id": me.json["user_id"]}, headers=headers).status_code


def test_a_refresh_gives_new_tokens_that_work(firm: Api, tokens: dict[str, Any]) -> None:
    answer = refresh(firm, tokens["refresh_token"])
    assert answer.status_code == 200
    assert answer.json["refresh_token"] != tokens["refresh_token"]
    assert answer.json["access_token"] != tokens["access_token"]
    assert use(firm, answer.json["access_token"], "GET") == 200


def test_a_retry_after_a_lost_answer_gets_the_same_successor(
    firm: Api, tokens: dict[str, Any], clock: SettableClock
) -> None:
    lost = refresh(firm, tokens["refresh_token"])
    clock.advance(days=3)
    again = refresh(firm, tokens["refresh_token"])
    assert again.status_code == 200
    assert again.json["refresh_token"] == lost.json["refresh_token"]
    assert use(firm, again.json["access_token"]) == 201
    assert refresh(firm, again.json["refresh_token"]).status_code == 200


def test_parallel_refreshes_with_one_token_get_the_same_successor(firm: Api, tokens: dict[str, Any]) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(firm, tokens["refresh_token"]), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json["refresh_token"] for answer in answers}) == 1


def test_the_predecessor_is_a_reuse_once_its_successor_was_used(
    firm: Api, tokens: dict[str, Any], clock: SettableClock
) -> None:
    following = refresh(firm, tokens["refresh_token"]).json
    assert use(firm, following["access_token"]) == 201
    clock.advance(seconds=PAST_GRACE.total_seconds())
    assert refresh(firm, tokens["refresh_token"]).status_code == 401
    assert refresh(firm, following["refresh_token"]).status_code == 401, "the whole family is over"
    assert use(firm, following["access_token"], "GET") == 401


def test_two_refreshes_of_one_phone_a_moment_apart_are_no_theft(
    firm: Api, tokens: dict[str, Any], clock: SettableClock
) -> None:
    following = refresh(firm, tokens["refresh_token"]).json
    assert use(firm, following["access_token"]) == 201
    clock.advance(seconds=5)
    assert refresh(firm, tokens["refresh_token"]).json["refresh_token"] == following["refresh_token"]


def test_an_older_generation_ends_the_family_even_within_the_grace(
    firm: Api, tokens: dict[str, Any], database: Database
) -> None:
    second = refresh(firm, tokens["refresh_token"]).json
    third = refresh(firm, second["refresh_token"]).json
    assert refresh(firm, tokens["refresh_token"]).status_code == 401
    assert refresh(firm, third["refresh_token"]).status_code == 401
    assert use(firm, third["access_token"], "GET") == 401
    with database.factory.begin(write=False) as uow:
        noted = audit_entries(uow.session, PageRequest(), action="session.reuse").items
    assert len(noted) == 1


def test_an_older_generation_is_known_after_many_rotations(firm: Api, tokens: dict[str, Any]) -> None:
    newest = tokens
    for _ in range(10):
        newest = refresh(firm, newest["refresh_token"]).json
    assert refresh(firm, tokens["refresh_token"]).status_code == 401
    assert refresh(firm, newest["refresh_token"]).status_code == 401


def test_other_sessions_of_the_same_person_live_on_when_one_family_ends(
    firm: Api, tokens: dict[str, Any]
) -> None:
    second = refresh(firm, tokens["refresh_token"]).json
    refresh(firm, second["refresh_token"])
    refresh(firm, tokens["refresh_token"])
    assert firm.as_(Role.FINANCE).get("/me").status_code == 200


def test_an_access_token_lives_fifteen_minutes_at_most(
    firm: Api, tokens: dict[str, Any], clock: SettableClock
) -> None:
    clock.advance(seconds=tokens["expires_in"] - 1)
    assert use(firm, tokens["access_token"], "GET") == 200
    clock.advance(seconds=1)
    assert use(firm, tokens["access_token"], "GET") == 401
    assert tokens["expires_in"] <= 900


def test_a_refresh_token_lives_a_hundred_days(
    firm: Api, tokens: dict[str, Any], clock: SettableClock
) -> None:
    clock.advance(days=99)
    following = refresh(firm, tokens["refresh_token"])
    assert following.status_code == 200
    clock.advance(days=100)
    assert refresh(firm, following.json["refresh_token"]).status_code == 401


def test_a_family_ends_for_good_however_often_it_was_refreshed(
    firm: Api, tokens: dict[str, Any], clock: SettableClock
) -> None:
    newest = tokens
    for _ in range(FAMILY_LIFETIMES * 2 - 1):
        clock.advance(days=50)
        newest = refresh(firm, newest["refresh_token"]).json
    clock.advance(days=50)
    assert refresh(firm, newest["refresh_token"]).status_code == 401


def test_a_token_with_one_bit_changed_is_nothing_and_costs_its_owner_nothing(
    firm: Api, tokens: dict[str, Any]
) -> None:
    token = tokens["refresh_token"]
    first, last = chr(ord(token[0]) ^ 1), chr(ord(token[-1]) ^ 1)
    for other in (
        first + token[1:],
        token[:-1] + last,
        token[:-1],
        token + "A",
        " ",
        "x" * 200,
        "\u00e9" * 43,
    ):
        assert refresh(firm, other).status_code == 401, other
    assert refresh(firm, token).status_code == 200


def test_an_access_token_is_no_refresh_token_and_the_other_way_round(
    firm: Api, tokens: dict[str, Any]
) -> None:
    assert refresh(firm, tokens["access_token"]).status_code == 401
    assert use(firm, tokens["refresh_token"], "GET") == 401


def test_no_token_stands_in_the_database(firm: Api, tokens: dict[str, Any], database: Database) -> None:
    newest = refresh(firm, tokens["refresh_token"]).json
    answers = [*tokens.values(), *newest.values(), PASSWORD]
    secrets = [value for value in answers if isinstance(value, str) and len(value) > 20]
    assert len(secrets) == 5
    with database.factory.begin(write=False) as uow:
        connection = uow.session.connection()
        for table in ("sessions", "access_tokens", "spent_refresh_tokens", "users", "audit_log"):
            text = str(connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall())
            assert not [secret for secret in secrets if secret in text]
