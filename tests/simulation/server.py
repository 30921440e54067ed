"""The real application in this process: it can die at any commit, be restored and be upgraded."""

from __future__ import annotations

import functools
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
import psycopg
from flask import Flask
from sqlalchemy import event, make_url, select
from sqlalchemy.exc import OperationalError

from backend.app import Wiring, connect, unwired_app, wire
from backend.db.engine import make_engine
from backend.db.look import Look
from backend.db.snapshot import Snapshot
from backend.db.unit_of_work import UnitOfWork
from backend.mutations import COLLECTIONS, MUTATIONS
from backend.settings import Settings
from backend.sync_host import SyncHost
from backend.web.documents import Api as SmorestApi
from media.disk import DiskStore
from media.errors import StorageFull
from media.objects import DeclaredObject, DeclaredPart, StoredObject
from schemas.visits import VisitBody
from sync.collections import Collection
from sync.engine import SyncEngine
from sync.models import MUTATIONS as ROWS
from tests.databases import share_compiled_statements
from tests.settings import cheap_settings
from tests.simulation.chance import Mint, Time

Begin = Callable[..., AbstractContextManager[object]]
RELEASES = 3
"""How many releases of the server there are; each adds to the last, and all of them understand old phones."""


WRITES = (1, 1, 1, 2, 3, 4)
"""Which writing transaction is the last; the first of an exchange is mostly the push."""


MOST_READS = 8
"""Statements of an exchange that read through a look, from one page to the next, before something happens."""


FAILURES = {"database full": psycopg.errors.DiskFull, "deadlock": psycopg.errors.DeadlockDetected}
"""What a database says when a transaction cannot go on: trouble that lasts, and trouble that passes."""


class ServerDied(BaseException):
    """kill -9, as far as a process can do it to itself: no handler of ours sees it as an error."""


class FirstVisitBody(VisitBody):
    """How a visit looked in the first release."""

    class Meta(VisitBody.Meta):
        exclude = ("duration_minutes", "dispatch_override_reason")


class SecondVisitBody(VisitBody):
    """How a visit looked in the second."""

    class Meta(VisitBody.Meta):
        exclude = ("dispatch_override_reason",)


_VISIT_BODIES = (FirstVisitBody, SecondVisitBody, VisitBody)


def _go_on() -> None:
    pass


@dataclass(frozen=True)
class WatchedHost(SyncHost):
    """Keeps the alarms instead of logging them; something may happen before every statement that reads."""

    alarms: list[tuple[str, str]] = field(default_factory=list)
    before_reading: Callable[[], None] = _go_on

    def alarm(self, code: str, detail: str) -> None:
        self.alarms.append((code, detail))

    @contextmanager
    def begin(self, *, write: bool = True) -> Iterator[UnitOfWork]:
        with super().begin(write=write) as uow:
            yield uow if write else cast("UnitOfWork", _WatchedUnit(uow, self.before_reading))

    @contextmanager
    def look(self) -> Iterator[Look]:
        with super().look() as look:
            yield _watched(look, self.before_reading)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        with super().snapshot() as snapshot:
            watched = _watched(snapshot, self.before_reading)
            yield replace(watched, ahead=lambda *asked: lambda: watched.all(*asked))


Looking = TypeVar("Looking", Look, Snapshot)


@dataclass(frozen=True)
class _WatchedUnit:
    """A unit of work that reads, and whose looks are watched."""

    uow: UnitOfWork
    before_reading: Callable[[], None]

    @property
    def look(self) -> Look:
        return _watched(self.uow.look, self.before_reading)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.uow, name)


def _watched(look: Looking, before_reading: Callable[[], None]) -> Looking:
    def read(*asked: Any) -> Any:
        before_reading()
        return look.all(*asked)

    return replace(look, all=read)


class FickleStore(DiskStore):
    """An object store that has no room now and then."""

    is_full = False

    def put_stream(self, declared: DeclaredObject, chunks: Iterable[bytes]) -> StoredObject:
        """As the real one, when there is room."""
        self._make_sure_of_room()
        return super().put_stream(declared, chunks)

    def take(self, part: DeclaredPart, chunks: Iterable[bytes]) -> None:
        """As the real one, when there is room."""
        self._make_sure_of_room()
        super().take(part, chunks)

    def _make_sure_of_room(self) -> None:
        if self.is_full:
            raise StorageFull("The file stays on the device; it is sent again later.")


class Server:
    """One server process on one database."""

    wiring: Wiring

    def __init__(self, url: str, folder: Path, time: Time, dice: random.Random) -> None:
        self.url = url
        self.time = time
        self.release = 0
        self.alarms: list[tuple[str, str]] = []
        self._folder = folder
        self._mint = Mint(time, dice)
        self._dies_in: int | None = None
        self._dies_committed = False
        self._failure: Exception | None = None
        self._interruption: Callable[[], None] | None = None
        self._interrupted_in = 0
        self.cut_answers = 0
        """How many exchanges lost their database while they read, at most, since this was last put to 0."""
        self.engine = make_engine(url, allow_unsafe=True)
        share_compiled_statements(self.engine)
        if self.engine.dialect.name == "sqlite":
            # Nobody pulls the plug here: what dies is a process, and the file outlives it.
            event.listen(self.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        self.settings = cheap_settings(url, folder / "server", time_zone="Europe/Berlin")
        self._app, self._api = _unwired(replace(self.settings, database_url="", data_dir=Path()))
        self.transport = httpx.WSGITransport(app=self._app)
        self.deploy(0)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()
        if self.engine.dialect.name == "postgresql":
            with administration(self.url) as admin:
                admin.execute(f'DROP DATABASE IF EXISTS "{_name(self.url)}_backup"')

    def stored(self, mutation_ids: set[UUID]) -> set[UUID]:
        """Which of these mutations the database has, whatever happens to the server meanwhile."""
        if not mutation_ids:
            return set()
        asked = select(ROWS.c.mutation_id).where(ROWS.c.mutation_id.in_(mutation_ids))
        with self.engine.connect() as connection:
            return set(connection.execute(asked).scalars())

    # Releases

    def deploy(self, release: int) -> None:
        """Start that release: it writes its own bodies, and takes the mutations of all releases up to it."""
        self.release = release
        wiring = wire(self.engine, self.settings, clock=self.time, mint_id=self._mint)
        factory = wiring.factory
        factory.begin = self._mortal(factory.begin)  # type: ignore[method-assign]
        factory.begin_straight = self._mortal(factory.begin_straight)  # type: ignore[method-assign]
        host = WatchedHost(wiring.factory, wiring.sync.host.cursor_secret, self.alarms, self._before_reading)
        schemas = frozenset(range(1, release + 2))
        mutations = [replace(kind, schemas=schemas) for kind in MUTATIONS]
        sync = SyncEngine(host, [_as_of(release, collection) for collection in COLLECTIONS], mutations)
        assert isinstance(wiring.objects, DiskStore)
        self._store = FickleStore(self.settings.media_folder, wiring.objects.signer)
        self.wiring = replace(wiring, sync=sync, objects=self._store)
        connect(self._app, self._api, self.wiring)

    # Death

    def die_soon(self, dice: random.Random) -> None:
        """Die at one of the next writing transactions, just before or just after its commit."""
        self._dies_in, self._dies_committed = dice.choice(WRITES), dice.random() < 0.5
        self._failure = None

    def fail_soon(self, failure: str, dice: random.Random) -> None:
        """One of the next writing transactions fails before its commit, with what a database says then."""
        self._dies_in = dice.choice(WRITES)
        self._failure = OperationalError("COMMIT", None, FAILURES[failure]())

    def interrupt(self, dice: random.Random, happens: Callable[[], None]) -> None:
        """Let something happen before one of the next statements with which an exchange reads."""
        self._interrupted_in, self._interruption = dice.randint(1, MOST_READS), happens

    def die_reading(self) -> None:
        """For `interrupt`: die between two statements."""
        raise ServerDied

    def lose_database(self) -> None:
        """For `interrupt`: the connection to the database is lost."""
        self.cut_answers += 1
        raise OperationalError("SELECT", None, psycopg.OperationalError("the connection is lost"))

    def live(self) -> None:
        """Whatever was planned: not now."""
        self._dies_in, self._failure, self.is_store_full = None, None, False
        self._interruption = None

    @property
    def is_store_full(self) -> bool:
        """Whether there is no room for files."""
        return self._store.is_full

    @is_store_full.setter
    def is_store_full(self, is_full: bool) -> None:
        self._store.is_full = is_full

    def _before_reading(self) -> None:
        if self._interruption is None:
            return
        self._interrupted_in -= 1
        if self._interrupted_in == 0:
            happens, self._interruption = self._interruption, None
            happens()

    def _mortal(self, begin: Begin) -> Begin:
        @contextmanager
        def begin_or_die(**how: bool) -> Iterator[object]:
            ends = how.get("write", True) and self._ends_now()
            with begin(**how) as begun:
                yield begun
                if ends and self._failure is not None:
                    raise self._failure
                if ends and not self._dies_committed:
                    raise ServerDied
            if ends:
                raise ServerDied

        return begin_or_die

    def _ends_now(self) -> bool:
        if self._dies_in is None:
            return False
        self._dies_in -= 1
        return self._dies_in == 0

    # Backups

    def back_up(self) -> None:
        """Copy the whole database; the one backup there was goes."""
        self.engine.dispose()
        if self.engine.dialect.name == "postgresql":
            _copy_database(self.url, _name(self.url), f"{_name(self.url)}_backup")
        else:
            shutil.copyfile(_file(self.url), self._backup_file)

    def restore(self) -> None:
        """Go on from the backup, as if nothing had happened since. The files of visits are not in it."""
        self.engine.dispose()
        if self.engine.dialect.name == "postgresql":
            _copy_database(self.url, f"{_name(self.url)}_backup", _name(self.url))
            return
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{_file(self.url)}{end}").unlink()
        shutil.copyfile(self._backup_file, _file(self.url))

    @property
    def _backup_file(self) -> Path:
        return self._folder / "backup.sqlite"


@functools.cache
def _unwired(settings: Settings) -> tuple[Flask, SmorestApi]:
    # Describing all routes takes a second: once per process, not per world.
    return unwired_app(settings)


def _as_of(release: int, collection: Collection) -> Collection:
    if collection.name != "visits":
        return collection
    return replace(collection, shape=_VISIT_BODIES[release], shape_version=release + 1)


def _name(url: str) -> str:
    return str(make_url(url).database)


def _file(url: str) -> Path:
    return Path(_name(url))


def administration(url: str, database: str | None = "postgres") -> psycopg.Connection:
    """A connection to another database of the same PostgreSQL."""
    target = make_url(url).set(drivername="postgresql", database=database)
    return psycopg.connect(target.render_as_string(hide_password=False), autocommit=True)


def _copy_database(url: str, source: str, target: str) -> None:
    with administration(url) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{target}"')
        admin.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
