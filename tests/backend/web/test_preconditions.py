"""`If-Match`: nobody overwrites what they have not seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from schemas.access import Role
from tests.api import Api


@pytest.fixture
def path(firm: Api) -> str:
    """Where a user is that may be edited."""
    return f"/users/{firm.as_(Role.TECHNICIAN).user_id}"


def test_an_edit_names_the_revision_it_was_made_on(firm: Api, path: str) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    assert admin.get(path).headers["ETag"] == '"1"'
    missing = admin.patch(path, {"display_name": "Ada"})
    assert (missing.status_code, missing.json["type"]) == (428, "urn:doorstep:problem:revision-required")
    done = admin.patch(path, {"display_name": "Ada"}, revision=1)
    assert (done.status_code, done.headers["ETag"], done.json["revision"]) == (200, '"2"', 2)
    stale = admin.patch(path, {"display_name": "Eve"}, revision=1)
    assert (stale.status_code, stale.json["type"]) == (412, "urn:doorstep:problem:stale-revision")
    assert stale.json["revision"] == 2
    assert admin.get(path).json["display_name"] == "Ada"


def test_an_edit_that_changes_nothing_keeps_the_revision(firm: Api, path: str) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    name = admin.get(path).json["display_name"]
    assert admin.patch(path, {"display_name": name}, revision=1).headers["ETag"] == '"1"'
    assert admin.patch(path, {}, revision=1).headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    "header", ["*", "1", 'W/"1"', '"1", "2"', '"-1"', '"x"', '"' + "9" * 40 + '"', '"1.0"']
)
def test_only_one_revision_as_it_came_is_taken(sqlite_firm: Api, header: str) -> None:
    user = sqlite_firm.as_(Role.TECHNICIAN).user_id
    admin = sqlite_firm.as_(Role.ADMINISTRATOR)
    answer = admin.patch(f"/users/{user}", {"display_name": "Ada"}, headers={"If-Match": header})
    assert answer.status_code == 412
    assert admin.get(f"/users/{user}").json["revision"] == 1


def test_of_many_edits_on_one_revision_at_once_one_wins(firm: Api, path: str) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda number: admin.patch(path, {"display_name": f"Number {number}"}, revision=1).status_code,
            range(8),
        )
    assert sorted(answers) == [200] + [412] * 7
    assert admin.get(path).json["revision"] == 2


def test_what_is_not_there_is_not_there_whatever_the_revision(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    assert admin.patch(f"/users/{uuid4()}", {"display_name": "Ada"}, revision=1).status_code == 404


def test_an_administrator_may_edit_themselves(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    assert admin.patch(f"/users/{admin.user_id}", {"display_name": "Ada"}, revision=1).status_code == 200
    assert admin.patch(f"/users/{admin.user_id}", {"display_name": "Eve"}, revision=1).status_code == 412
