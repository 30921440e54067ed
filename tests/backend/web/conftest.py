"""An app with the access room and a room of probes, whose views do what a test asks of the floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWork
from backend.settings import Settings
from backend.web.blueprint import Room
from schemas.base import Count, Line, QueryShape, Shape, Text
from tests.api import Api
from tests.backend.floor import make_floor
from tests.clock import SettableClock
from tests.databases import Database
from tests.settings import cheap_settings


class Words(Shape):
    """What a probe takes and gives back."""

    words = Text(max=200_000, required=True)
    number = Count()


class WordsQuery(QueryShape):
    """The same in a query string."""

    words = Line(max=20)
    number = Count()


class Looked(Shape):
    """What was asked for, given back."""

    words = Line(max=20)
    number = Count()


@dataclass
class Probes:
    """What the views of the room of probes do next, and what they were given."""

    then: Callable[[UnitOfWork, Actor], object] = lambda _, __: None
    given: list[dict[str, object]] = field(default_factory=list)


def room_of(probes: Probes) -> Room:
    """A fresh room of probes."""
    room = Room("probes", __name__, description="Probes of the floor.")

    @room.post("/probes", body=Words, answer=Words)
    def take_words(uow: UnitOfWork, actor: Actor, fields: dict[str, object]) -> object:
        """Take words and give them back."""
        probes.given.append(fields)
        return probes.then(uow, actor) or fields

    @room.get("/probes", query=WordsQuery, answer=Looked, permission="session:end")
    def look(uow: UnitOfWork, actor: Actor, fields: dict[str, object]) -> object:
        """Look, and give back the query."""
        return probes.then(uow, actor) or fields

    @room.post("/probes/big", body=Words, body_limit="sync_body_limit_bytes")
    def take_much(uow: UnitOfWork, actor: Actor, fields: dict[str, object]) -> None:
        """Take many words."""
        probes.given.append(fields)

    return room


@pytest.fixture
def probes() -> Probes:
    """What the probes do; a test sets `then`."""
    return Probes()


@pytest.fixture
def firm(database: Database, settings: Settings, clock: SettableClock, probes: Probes) -> Api:
    """People of an app with that room."""
    return Api(make_floor(database.factory, settings, clock, room_of(probes)))


@pytest.fixture
def sqlite_firm(sqlite_database: Database, tmp_path: Path, clock: SettableClock, probes: Probes) -> Api:
    """The same on SQLite only, for what never reaches the database."""
    settings = cheap_settings(sqlite_database.url, tmp_path / "data")
    return Api(make_floor(sqlite_database.factory, settings, clock, room_of(probes)))
