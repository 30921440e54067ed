"""A run of the simulator: worlds one after the other, each on its own database, until the steps are done."""

from __future__ import annotations

import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from backend.db.upgrade import pending, upgrade
from tests.simulation.chance import Trace
from tests.simulation.network import InvariantBroken
from tests.simulation.server import administration
from tests.simulation.world import World

STEPS_OF_A_WORLD = 2_500
"""A world grows with every step; a new one now and then keeps the steps cheap, and begins in its own way."""


FreshUrl: TypeAlias = Callable[[], AbstractContextManager[str]]


class CannotRun(Exception):
    """There is nothing to run on; the message says what to do."""


@dataclass
class Told:
    """What came of a run. `broken` says what did not hold, and `before` what happened last."""

    seed: int
    steps: int = 0
    worlds: int = 0
    looks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    trace: str = ""
    broken: str | None = None
    before: list[str] = field(default_factory=list)

    def last_line(self) -> str:
        """The sentence that a run ends with."""
        did = f"{self.worlds} worlds, {self.counts['typed']} mutations, {self.looks} looks by the oracle"
        if self.broken is None:
            return f"simulate: seed {self.seed}, {self.steps} steps, {did}, all clean, trace {self.trace}"
        return f"simulate: seed {self.seed}, BROKEN at step {self.steps}: {self.broken}"


class Databases:
    """Fresh databases for worlds: SQLite files in `folder`, or copies of one empty PostgreSQL database."""

    def __init__(self, folder: Path, url: str | None) -> None:
        """`url` is PostgreSQL's; nothing is ever written to it. Raises CannotRun."""
        self._folder = folder
        self._url = url
        self._template = folder / "template.sqlite"
        if url is None:
            upgrade(f"sqlite:///{self._template}")
        else:
            _refuse_unusable(url)

    @contextmanager
    def fresh_url(self) -> Iterator[str]:
        """The address of a database for a with-block."""
        if self._url is None:
            file = self._folder / f"{uuid4().hex}.sqlite"
            shutil.copyfile(self._template, file)
            yield f"sqlite:///{file}"
            return
        target = make_url(self._url)
        copy = f"{target.database}_simulation"
        with administration(self._url) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')
            admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{target.database}"')
        try:
            yield target.set(database=copy).render_as_string(hide_password=False)
        finally:
            with administration(self._url) as admin:
                admin.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')


def simulate(
    folder: Path,
    seed: int,
    steps: int,
    fresh_url: FreshUrl,
    progress: Callable[[], None] = lambda: None,
) -> Told:
    """Run until the steps are done or something is broken; `fresh_url` makes an empty, upgraded database."""
    told, trace = Told(seed), Trace()
    while told.steps < steps and told.broken is None:
        of_this_world = min(STEPS_OF_A_WORLD, steps - told.steps)
        home = folder / f"world-{told.worlds}"
        home.mkdir()
        with fresh_url() as url:
            _live(url, home, f"{seed}/{told.worlds}", of_this_world, trace, told, progress)
        told.worlds += 1
        if told.broken is None:
            shutil.rmtree(home)
    told.trace = trace.digest()
    return told


def _live(
    url: str, home: Path, seed: str, steps: int, trace: Trace, told: Told, progress: Callable[[], None]
) -> None:
    """One world from its beginning to its end; what breaks in it is told."""

    def count() -> None:
        told.steps += 1
        progress()

    world = World(url, home, seed, trace)
    try:
        world.run(steps, count)
    except InvariantBroken as broken:
        told.broken = str(broken)
    except Exception:
        told.broken = traceback.format_exc(limit=-8)
    finally:
        told.looks += world.looks
        told.counts.update(world.counts)
        world.close()
    if told.broken is not None:
        told.before = list(trace.lines)


def _refuse_unusable(url: str) -> None:
    try:
        if pending(url):
            raise CannotRun("The database has no tables of ours, or old ones. Run: doorstep db upgrade")
        with administration(url, make_url(url).database) as connection:
            row = connection.execute("SELECT EXISTS (SELECT FROM field.users)").fetchone()
    except (OperationalError, psycopg.OperationalError) as error:
        raise CannotRun(f"The database cannot be used: {str(error).strip().splitlines()[0]}") from error
    if row is None or row[0]:
        raise CannotRun("Name an empty database: the simulator copies it, and knows everybody in its worlds.")
