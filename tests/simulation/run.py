"""A run of the simulator: worlds on databases of their own, several at a time, until the steps are done."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import structlog
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from backend.db.upgrade import pending, upgrade
from tests.simulation.chance import Trace
from tests.simulation.invariants import InvariantBroken
from tests.simulation.server import administration
from tests.simulation.steps import EVENTS
from tests.simulation.world import World

STEPS_OF_A_WORLD = 2_500
"""A world grows with every step; a new one now and then keeps the steps cheap, and begins in its own way."""
LONG_RUN = 5_000
"""Steps from which on a run must have seen everything that can happen."""
_TELL_EVERY = 0.2
"""Seconds between two looks at how far the processes are."""


FreshUrl: TypeAlias = Callable[[], AbstractContextManager[str]]
Progress: TypeAlias = Callable[[], None]


class CannotRun(Exception):
    """There is nothing to run on; the message says what to do."""


@dataclass
class Told:
    """What came of a run, or of one world.

    `broken` says what did not hold, and `before` what happened last.
    """

    seed: int
    steps: int = 0
    worlds: int = 0
    looks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    trace: str = ""
    broken: str | None = None
    before: list[str] = field(default_factory=list)

    def add(self, world: Told) -> None:
        """Take in the next world."""
        self.steps += world.steps
        self.worlds += 1
        self.looks += world.looks
        self.counts.update(world.counts)
        self.trace = blake2b((self.trace + world.trace).encode(), digest_size=16).hexdigest()
        self.broken, self.before = world.broken, world.before

    def unseen(self) -> list[str]:
        """What has never happened, although it can."""
        return sorted(EVENTS - {kind for kind, count in self.counts.items() if count})

    def last_line(self) -> str:
        """The sentence that a run ends with."""
        did = f"{self.worlds} worlds, {self.counts['typed']} mutations, {self.looks} looks by the oracle"
        if self.broken is None:
            return f"simulate: seed {self.seed}, {self.steps} steps, {did}, all clean, trace {self.trace}"
        return f"simulate: seed {self.seed}, BROKEN at step {self.steps}: {self.broken}"


@dataclass(frozen=True)
class Databases:
    """Fresh databases for worlds: SQLite files in `folder`, or copies of one empty PostgreSQL database.

    `url` is PostgreSQL's; nothing is ever written to it.
    """

    folder: Path
    url: str | None

    def prepare(self) -> None:
        """Make sure that there is something to copy. Raises CannotRun."""
        if self.url is None:
            upgrade(f"sqlite:///{self._template}")
        else:
            _refuse_unusable(self.url)

    @contextmanager
    def fresh_url(self) -> Iterator[str]:
        """The address of a database for a with-block."""
        if self.url is None:
            file = self.folder / f"{uuid4().hex}.sqlite"
            shutil.copyfile(self._template, file)
            yield f"sqlite:///{file}"
            return
        target = make_url(self.url)
        copy = f"{target.database}_simulation_{uuid4().hex[:8]}"
        with administration(self.url) as admin:
            admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{target.database}"')
        try:
            yield target.set(database=copy).render_as_string(hide_password=False)
        finally:
            with administration(self.url) as admin:
                admin.execute(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')

    @property
    def _template(self) -> Path:
        return self.folder / "template.sqlite"


def simulate(
    folder: Path,
    seed: int,
    steps: int,
    fresh_url: FreshUrl,
    progress: Progress = lambda: None,
    *,
    processes: int = 1,
    eventful: bool | None = None,
) -> Told:
    """Run until the steps are done or something is broken; `fresh_url` makes an empty, upgraded database.

    `eventful`: what is rare happens often; as a rule in runs that are too short to see it otherwise.

    Worlds know nothing of each other: how many live at a time changes nothing of what is told.
    """
    told = Told(seed)
    sizes = [min(STEPS_OF_A_WORLD, steps - begun) for begun in range(0, steps, STEPS_OF_A_WORLD)]
    if eventful is None:
        eventful = steps < LONG_RUN
    worlds = [(*world, eventful) for world in enumerate(sizes)]
    if processes == 1 or len(worlds) == 1:
        lived = (live(folder, fresh_url, seed, *world, progress) for world in worlds)
        return _in_their_order(told, lived)
    start = multiprocessing.get_context("spawn")
    shared = Shared(start.Value("L", 0), start.Event())
    with ProcessPoolExecutor(processes, start, initializer=_begin, initargs=(shared,)) as pool:
        futures = [pool.submit(_live_here, folder, fresh_url, seed, *world) for world in worlds]
        try:
            return _in_their_order(told, _as_they_end(futures, shared, progress))
        finally:
            shared.over.set()
            pool.shutdown(cancel_futures=True)


def _in_their_order(told: Told, worlds: Iterable[Told]) -> Told:
    """All worlds up to the first in which something broke."""
    for world in worlds:
        told.add(world)
        if told.broken is not None:
            break
    if told.broken is None and told.steps >= LONG_RUN and (unseen := told.unseen()):
        told.broken = f"the run saw no {', no '.join(unseen)}"
    return told


def _as_they_end(futures: list[Future[Told]], shared: Shared, progress: Progress) -> Iterator[Told]:
    shown = 0
    for future in futures:
        while not wait([future], _TELL_EVERY).done:
            for _ in range(shared.steps.value - shown):
                progress()
                shown += 1
        yield future.result()


@dataclass(frozen=True)
class Shared:
    """What processes that live worlds have in common: how many steps they have done, and whether to go on."""

    steps: Any
    over: Any


class _Over(BaseException):
    """Something broke in an earlier world: nobody will ask about this one."""


_shared: list[Shared] = []


def _begin(shared: Shared) -> None:
    be_quiet()
    _shared.append(shared)


def _live_here(folder: Path, fresh_url: FreshUrl, seed: int, number: int, steps: int, eventful: bool) -> Told:
    (shared,) = _shared

    def count() -> None:
        if shared.over.is_set():
            raise _Over
        with shared.steps.get_lock():
            shared.steps.value += 1

    return live(folder, fresh_url, seed, number, steps, eventful, count)


def be_quiet() -> None:
    """Let the server keep its log to itself: what matters of a run is told at its end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def live(
    folder: Path,
    fresh_url: FreshUrl,
    seed: int,
    number: int,
    steps: int,
    eventful: bool,
    progress: Progress = lambda: None,
) -> Told:
    """One world from its beginning to its end; what breaks in it is told."""
    told, trace, home = Told(seed), Trace(), folder / f"world-{number}"
    home.mkdir()

    def count() -> None:
        told.steps += 1
        progress()

    with fresh_url() as url:
        world = World(url, home, f"{seed}/{number}", trace, eventful=eventful)
        try:
            world.begin()
            world.run(steps, count)
        except InvariantBroken as broken:
            told.broken = str(broken)
        except Exception:
            told.broken = traceback.format_exc(limit=-8)
        finally:
            told.looks, told.counts, told.trace = world.looks, world.counts, trace.digest()
            world.close()
    if told.broken is None:
        shutil.rmtree(home)
    else:
        told.before = list(trace.lines)
    return told


def _refuse_unusable(url: str) -> None:
    try:
        if pending(url):
            raise CannotRun("The database has no tables of ours, or old ones. Run: doorstep db upgrade")
        with administration(url, make_url(url).database) as connection:
            people = "SELECT EXISTS (SELECT FROM field.users WHERE role <> 'system')"
            row = connection.execute(people).fetchone()
    except (OperationalError, psycopg.OperationalError) as error:
        raise CannotRun(f"The database cannot be used: {str(error).strip().splitlines()[0]}") from error
    if row is None or row[0]:
        raise CannotRun("Name an empty database: the simulator copies it, and knows everybody in its worlds.")
