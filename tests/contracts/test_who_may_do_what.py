"""Every route answers everybody as `who_may_do_what` says, and technicians see what is written there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.access.models import AccessToken, EnrolmentCode, SignIn, User
from backend.app import create_app, unwired_app
from schemas import base
from tests.api import Api
from tests.clock import SettableClock
from tests.contracts.knocking import ROUTES, knock, name_of
from tests.contracts.two_cases import Person, nothing_stays, people_of_two_cases
from tests.contracts.what_stands_in_the_way import IN_THE_WAY
from tests.contracts.who_may_do_what import COLUMNS, WHO_MAY_DO_WHAT
from tests.databases import SQLITE_ONLY, Databases
from tests.settings import cheap_settings

TESTS = Path(__file__).parents[1]
OWN = {"yes": None, "own": None, "self": None, "key": None, "401": 401, "403": 403}
"""What is answered about one's own record; None: let in."""
OTHERS = {**OWN, "own": 404, "self": 403, "key": 401}
"""What is answered about somebody else's."""

LISTS = {name for name, route in ROUTES.items() if route.page_of is not None and "<" not in name}

# Visibility is SQL, so a technician knocks on both engines; permissions are the same code on both.
KNOCKS = [("sqlite", column) for column in COLUMNS] + [("postgresql", "technician")]
ENGINES = ["sqlite", "postgresql"]


@dataclass(frozen=True)
class World:
    """The application with two cases in it, and the hashes of all secrets that it keeps."""

    people: dict[str, Person]
    kept: frozenset[str]


@pytest.fixture(scope="module")
def world_on(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], World]]:
    """The world on an engine, made once: whatever is asked of it is undone."""
    with ExitStack() as life:

        @cache
        def world_on(engine_name: str) -> World:
            if engine_name == "postgresql" and SQLITE_ONLY:
                pytest.skip("DOORSTEP_TEST_SQLITE_ONLY=1")
            database = life.enter_context(databases.fresh(engine_name, SettableClock()))
            settings = cheap_settings(database.url, tmp_path_factory.mktemp("data"))
            api = Api(create_app(settings, engine=database.engine, clock=database.clock))
            world = World(people_of_two_cases(api), _kept_hashes(api))
            life.enter_context(nothing_stays(api.factory))
            return world

        yield world_on


@pytest.fixture
def world(request: pytest.FixtureRequest, world_on: Callable[[str], World]) -> World:
    """The world on the engine that the test is parametrized with."""
    return world_on(request.param)


def _kept_hashes(api: Api) -> frozenset[str]:
    columns = (User.password_hash, SignIn.current_hash, AccessToken.token_hash, EnrolmentCode.code_hash)
    with api.factory.begin(write=False) as uow:
        return frozenset(
            found for column in columns for found in uow.session.scalars(select(column)) if found is not None
        )


def test_every_route_of_the_application_stands_in_the_table_and_no_other(tmp_path: Path) -> None:
    app, _ = unwired_app(cheap_settings("sqlite://", tmp_path))
    served = {
        name_of(method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served - WHO_MAY_DO_WHAT.keys() == set(), "who may? write it down"
    assert WHO_MAY_DO_WHAT.keys() - served == set(), "written down, but gone"


@pytest.mark.parametrize(("world", "column"), KNOCKS, indirect=["world"])
def test_whoever_knocks_is_answered_as_written(world: World, column: str) -> None:
    person = world.people[column]
    wrong = []
    for name, words in WHO_MAY_DO_WHAT.items():
        word = words[column]
        # A list is always there; what it must not hold is looked for in the answer.
        there = OWN if name in LISTS else OTHERS
        own, others = (person.own, OWN[word]), (person.others, there[word])
        for names, expected in _worth_asking(column, word, own, others):
            answer = knock(person.client, name, names)
            fault = _fault(name, answer, expected) or _leak(answer, world, person)
            if fault:
                whose = "own" if names is person.own else "other's"
                wrong.append(f"{name}, {column}, {whose}: written {word!r}, but {fault}")
            answer.close()
    assert not wrong, "\n".join(["", *wrong])


def _worth_asking(column: str, word: str, own: tuple, others: tuple) -> list[tuple]:
    """Both, unless the office may everything or nothing anyway: then the one that could be told otherwise."""
    if column == "technician" or OWN[word] != OTHERS[word]:
        return [own, others]
    return [others] if word == "yes" else [own]


def _fault(name: str, answer: TestResponse, expected: int | None) -> str | None:
    """How the answer differs from what is written; None when it does not."""
    status = answer.status_code
    if expected is not None:
        return None if status == expected else f"answered {status}"
    if 200 <= status < 300 or (status == 303 and name.startswith("POST /v/")):
        return None
    code, _ = IN_THE_WAY.get(name, ("nothing", ""))
    if status < 500 and answer.text.startswith(f'{{"type":"urn:doorstep:problem:{code}"'):
        return None
    return f"answered {status}, {code} may stand in the way: {answer.text[:300]}"


def _leak(answer: TestResponse, world: World, person: Person) -> str | None:
    """What the answer holds although this person may never see it."""
    if answer.status_code >= 400:  # a problem repeats the path that was asked
        return None
    if any(kept in answer.text for kept in world.kept):
        return "the answer holds the hash of a secret"
    found = sorted(strange for strange in person.never if strange in answer.text)
    return f"the answer holds {found}" if found else None


def test_what_stands_in_the_way_is_seen_out_of_the_way_elsewhere() -> None:
    assert IN_THE_WAY.keys() <= WHO_MAY_DO_WHAT.keys(), "written down, but gone"
    for _, test in IN_THE_WAY.values():
        file, name = test.split("::")
        assert f"def {name}(" in (TESTS / file).read_text(), test


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_customers_link_opens_one_visit_and_is_no_sign_in(world: World) -> None:
    customer = world.people["anonymous"]
    bearer = replace(customer.client, token=customer.own["token"])
    for name, words in WHO_MAY_DO_WHAT.items():
        if words["anonymous"] == "401":
            assert knock(bearer, name, customer.own).status_code == 401, name
    elsewhere = {**customer.own, "offer_id": customer.others["offer_id"]}
    answer = knock(customer.client, "POST /v/<token>/pick", elsewhere)
    assert answer.status_code in {404, 410}, answer.text


@pytest.mark.parametrize("world", ENGINES, indirect=True)
def test_a_technicians_lists_hold_what_is_his_and_no_filter_widens_them(world: World) -> None:
    person = world.people["technician"]
    for name, words in WHO_MAY_DO_WHAT.items():
        if name not in LISTS or words["technician"] == "403":
            continue
        assert knock(person.client, name, person.own).json["items"] != [], name
        for field, kind in (ROUTES[name].query().fields if ROUTES[name].query else {}).items():
            if isinstance(kind, base.Id) and person.others.get(field, "") in person.never:
                answer = knock(person.client, name, person.own, **{field: person.others[field]})
                assert answer.status_code == 404 or answer.json["items"] == [], (name, field)
