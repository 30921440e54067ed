"""`Idempotency-Key`: a creating request that is sent twice creates once and is answered the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from backend.access.models import User
from backend.web.idempotency import forget_old_keys
from backend.web.models import IdempotencyKey
from schemas.access import Role
from tests.api import Api
from tests.clock import SettableClock
from tests.databases import Database

GRACE = {"email": "grace@example.org", "display_name": "Grace", "role": "technician"}


def create(api: Api, key: str, fields: dict[str, Any] | None = None, name: str = "first") -> TestResponse:
    admin = api.as_(Role.ADMINISTRATOR, name)
    return admin.post("/users", fields or GRACE, headers={"Idempotency-Key": key})


def people(database: Database) -> int:
    with database.factory.begin(write=False) as uow:
        return uow.session.scalar(select(func.count()).select_from(User)) or 0


def test_a_repeat_gets_the_first_answer_and_creates_nothing(firm: Api, database: Database) -> None:
    key = str(uuid4())
    first = create(firm, key)
    there = people(database)
    again = create(firm, key)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert people(database) == there


def test_the_same_key_with_other_content_is_refused(firm: Api, database: Database) -> None:
    key = str(uuid4())
    create(firm, key)
    there = people(database)
    other = create(firm, key, {**GRACE, "email": "other@example.org"})
    assert other.status_code == 422
    assert other.json["type"] == "urn:doorstep:problem:idempotency-key-reused"
    assert people(database) == there


def test_twins_at_the_same_moment_create_once(firm: Api, database: Database) -> None:
    firm.as_(Role.ADMINISTRATOR)
    there = people(database)
    key = str(uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(firm, key), range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.data for answer in answers}) == 1
    assert people(database) == there + 1


def test_a_refused_request_may_be_repeated_with_the_same_key(firm: Api) -> None:
    key = str(uuid4())
    create(firm, str(uuid4()), {**GRACE, "display_name": "Taker"})
    assert create(firm, key).status_code == 409
    other = firm.as_(Role.ADMINISTRATOR).get("/users", role="technician").json["items"][0]
    admin = firm.as_(Role.ADMINISTRATOR)
    admin.patch(f"/users/{other['id']}", {"email": "moved@example.org"}, revision=1)
    assert create(firm, key).status_code == 201


def test_keys_of_different_people_are_different(firm: Api) -> None:
    key = str(uuid4())
    assert create(firm, key).status_code == 201
    other = create(firm, key, {**GRACE, "email": "ada@example.org"}, name="second")
    assert other.status_code == 201


def test_a_key_is_kept_for_ninety_days(firm: Api, clock: SettableClock, database: Database) -> None:
    key = str(uuid4())
    first = create(firm, key)
    admin = firm.as_(Role.ADMINISTRATOR).user_id
    assert admin is not None
    clock.advance(days=89)
    late = firm.of(admin).post("/users", GRACE, headers={"Idempotency-Key": key})
    assert late.data == first.data
    clock.advance(days=2)
    too_late = firm.of(admin).post("/users", GRACE, headers={"Idempotency-Key": key})
    assert too_late.status_code == 409, "now it is a new request, and the address is taken"
    with database.factory.begin() as uow:
        forget_old_keys(uow)
        assert uow.session.scalar(select(func.count()).select_from(IdempotencyKey)) == 0


@pytest.mark.parametrize("key", ["short", "x" * 201, "with space in it", "ünïcödé-key", ""])
def test_a_key_that_is_none_is_refused(sqlite_firm: Api, key: str) -> None:
    answer = sqlite_firm.as_(Role.ADMINISTRATOR).post("/users", GRACE, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
