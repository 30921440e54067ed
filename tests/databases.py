"""The databases of tests: one migrated template per engine and run, a copy of it for every test that asks."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from backend.app import wire
from backend.db.engine import make_engine
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.db.upgrade import upgrade
from tests.clock import SettableClock
from tests.postgres import Cluster, cluster_in, locked
from tests.settings import cheap_settings

ENGINES = ("sqlite", "postgresql")
TEMPLATE = "doorstep_template"
SQLITE_ONLY = os.environ.get("DOORSTEP_TEST_SQLITE_ONLY") == "1"


@dataclass(frozen=True)
class Database:
    """A database with all tables and no rows of this test, wired as the application wires it."""

    url: str
    engine: Engine
    factory: UnitOfWorkFactory
    clock: SettableClock

    @property
    def is_postgresql(self) -> bool:
        """Whether this is the PostgreSQL half of the test."""
        return self.engine.dialect.name == "postgresql"


class Databases:
    """Makes databases in the home that the workers of this run share (`tests.postgres.cluster_home`)."""

    def __init__(self, home: Path) -> None:
        self.home = home

    @contextlib.contextmanager
    def fresh(self, engine_name: str, clock: SettableClock, *, durable: bool = False) -> Iterator[Database]:
        """A database for a with-block; `durable` (PostgreSQL) keeps fsync on, to kill things on it."""
        with self.fresh_url(engine_name, durable=durable) as url:
            settings = cheap_settings(url, self.home / "data")
            engine = make_engine(url, allow_unsafe=not durable)
            share_compiled_statements(engine)
            try:
                yield Database(url, engine, wire(engine, settings, clock=clock).factory, clock)
            finally:
                engine.dispose()

    @contextlib.contextmanager
    def fresh_url(self, engine_name: str, *, durable: bool = False) -> Iterator[str]:
        """The address alone, for tests in which another process opens the database."""
        make = self._fresh_sqlite() if engine_name == "sqlite" else self._fresh_postgresql(durable=durable)
        with make as url:
            yield url

    @contextlib.contextmanager
    def _fresh_sqlite(self) -> Iterator[str]:
        folder = self.home / f"sqlite-{uuid4().hex}"
        template = self._sqlite_template()
        folder.mkdir()
        shutil.copyfile(template, folder / "doorstep.sqlite")
        try:
            yield f"sqlite:///{folder / 'doorstep.sqlite'}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _fresh_postgresql(self, *, durable: bool) -> Iterator[str]:
        cluster = self.postgresql(durable=durable)
        name = f"test_{uuid4().hex}"
        yield cluster.create_database(name, TEMPLATE)
        cluster.drop_database(name)

    def postgresql(self, *, durable: bool = False) -> Cluster:
        """The cluster of this run, with its template database made."""
        cluster = cluster_in(self.home, durable=durable)
        made = self.home / f"{Path(cluster.folder).name}.template"
        _once(made, lambda: make_postgresql_template(cluster))
        return cluster

    def _sqlite_template(self) -> Path:
        template = self.home / "template.sqlite"
        _once(self.home / "sqlite.template", lambda: upgrade(f"sqlite:///{template}"))
        return template


def share_compiled_statements(engine: Engine) -> None:
    """Let all engines of one kind in this process compile a statement once; it took most of the time.

    SQLAlchemy keeps compiled statements per engine and per dialect object, and every test has its own engine.
    """
    first = _FIRST_ENGINES.get(engine.dialect.name)
    if first is None:
        with engine.connect():  # a dialect learns about its server with its engine's first connection
            first = _FIRST_ENGINES[engine.dialect.name] = engine
    first._compiled_cache.capacity = _MOST_STATEMENTS
    engine.dialect = engine.pool._dialect = first.dialect
    engine._compiled_cache = first._compiled_cache


_FIRST_ENGINES: dict[str, Engine] = {}
_MOST_STATEMENTS = 5_000


def _once(made: Path, make: Callable[[], object]) -> None:
    """Let the first of several processes make something; `made` marks that it is there, or says why not."""
    with locked(made.with_suffix(".lock")):
        if not made.exists():
            try:
                make()
            except Exception as error:
                made.write_text(f"{type(error).__name__}: {error}")
                raise
            made.touch()
    if reason := made.read_text():
        raise RuntimeError(f"the template database could not be made: {reason}")


def make_postgresql_template(cluster: Cluster) -> None:
    with cluster.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
    url = cluster.create_database(TEMPLATE)
    with cluster.connect(TEMPLATE) as connection:
        for extension in ("postgis", "btree_gist"):
            connection.execute(f"CREATE EXTENSION {extension} SCHEMA public")
        # Every test copies this database: the 8,000 reference systems nobody asks for would be most of it.
        connection.execute("DELETE FROM spatial_ref_sys WHERE srid <> 4326")
    upgrade(url)
    with cluster.connect(TEMPLATE) as connection:
        connection.execute("VACUUM FULL")
