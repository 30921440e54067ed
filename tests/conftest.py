"""Fixtures that every test may ask for, and the life of the databases behind them."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from backend.app import connect, unwired_app, wire
from backend.db.unit_of_work import UnitOfWork
from backend.settings import Settings
from backend.web.documents import Api as SmorestApi
from tests.api import Api
from tests.clock import SettableClock
from tests.databases import ENGINES, SQLITE_ONLY, Database, Databases
from tests.evidence.browser import Browser, find_chromium
from tests.journeys.warm import Warm
from tests.postgres import PostgresMissing, cluster_home, find_binaries
from tests.settings import cheap_settings
from tests.swift.servers import Swift, SwiftMissing, swift_in

HOME = "DOORSTEP_TEST_HOME"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_LIFE = pytest.StashKey[contextlib.ExitStack]()


class _Undo(Exception):
    """Ends a transaction whose work nobody is to keep."""


def pytest_configure(config: pytest.Config) -> None:
    """The controller owns the home of the databases; xdist's workers find it in their environment."""
    os.environ["DOORSTEP_ALLOW_UNSAFE_DATABASE"] = "1"
    _raise_file_limit()
    if hasattr(config, "workerinput"):
        return
    if not SQLITE_ONLY:
        try:
            find_binaries()
        except PostgresMissing as error:
            raise pytest.UsageError(str(error)) from None
    life = config.stash[_LIFE] = contextlib.ExitStack()
    os.environ[HOME] = str(life.enter_context(cluster_home()))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    if _LIFE in config.stash:
        config.stash[_LIFE].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole stories first, shared out: each worker begins with an equal share of them and of the rest.

    xdist deals the list out in equal runs, one for each worker, and lets the idle steal from the end of
    others' runs. A long story that starts last leaves the other workers idle, and so do all stories in one
    worker's run.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    stories = [item for item in items if "journeys" in item.path.parts]
    rest = [item for item in items if "journeys" not in item.path.parts]
    items[:] = [
        item for worker in range(workers) for item in (*stories[worker::workers], *rest[worker::workers])
    ]


def pytest_report_header() -> list[str]:
    """Say at the top what this run leaves out."""
    lines = []
    if SQLITE_ONLY:
        lines.append("PostgreSQL: left out, DOORSTEP_TEST_SQLITE_ONLY=1")
    if not SHARED_DATA.is_dir():
        lines.append("data: ../shared/data is not there, the tests on real requests are skipped")
    return lines


def _raise_file_limit() -> None:
    # Every SQLite file a process has opened stays registered by an open lock file until the process ends.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.fixture(scope="session")
def databases() -> Databases:
    """Several databases for a test, or one per example of a property: `databases.fresh("sqlite", clock)`."""
    return Databases(Path(os.environ[HOME]))


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Forks servers and commands: the application is imported once, when the first of them is asked for."""
    with Warm() as warm:
        yield warm


@pytest.fixture
def clock() -> SettableClock:
    """The time the application sees: Monday, 2 March 2026, 08:00 UTC until the test moves it."""
    return SettableClock()


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    name = str(request.param)
    _skip_left_out(name)
    return name


def _skip_left_out(name: str) -> None:
    if name == "postgresql" and SQLITE_ONLY:
        pytest.skip("DOORSTEP_TEST_SQLITE_ONLY=1")


@pytest.fixture
def database(engine_name: str, databases: Databases, clock: SettableClock) -> Iterator[Database]:
    """A fresh database; the test runs once on SQLite and once on PostgreSQL."""
    with databases.fresh(engine_name, clock) as fresh:
        yield fresh


@pytest.fixture
def sqlite_database(databases: Databases, clock: SettableClock) -> Iterator[Database]:
    """A fresh SQLite database, for what only SQLite can get wrong."""
    with databases.fresh("sqlite", clock) as fresh:
        yield fresh


@pytest.fixture
def postgresql_database(databases: Databases, clock: SettableClock) -> Iterator[Database]:
    """A fresh PostgreSQL database, for what only PostgreSQL can get wrong."""
    _skip_left_out("postgresql")
    with databases.fresh("postgresql", clock) as fresh:
        yield fresh


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    """The settings of the application under test, with a data folder of its own."""
    return cheap_settings(database.url, tmp_path / "data")


@pytest.fixture
def app(database: Database, settings: Settings) -> Flask:
    """The application as the server runs it, on `database` and its clock."""
    made, api = _unwired(replace(settings, database_url="", data_dir=Path()))
    connect(made, api, wire(database.engine, settings, clock=database.clock))
    return made


@functools.cache
def _unwired(settings: Settings) -> tuple[Flask, SmorestApi]:
    # Describing all routes takes a third of a second: once per process and kind of settings, not per test.
    return unwired_app(settings)


@pytest.fixture
def api(app: Flask) -> Api:
    """The HTTP API of `app`: `api.as_("dispatcher").get("/visits")`, `api.of(user_id)`, `api.anonymous`."""
    return Api(app)


@pytest.fixture
def uow(database: Database) -> Iterator[UnitOfWork]:
    """One open writing unit of work, undone at the end; while it is open SQLite lets nobody else write."""
    with contextlib.suppress(_Undo), database.factory.begin() as unit:
        yield unit
        raise _Undo


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Browser]:
    """A page in a real Chromium."""
    executable = find_chromium()
    if executable is None:
        reason = "there is no Chromium: run .ci/chromium"
        if os.environ.get("DOORSTEP_TEST_SKIPS_NOTHING") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with Browser(executable, tmp_path / "profile") as opened:
        yield opened


@pytest.fixture(scope="session")
def swift() -> Swift:
    """OpenStack Swift, shared by the workers of this run; without it the test is skipped, and says so."""
    try:
        return swift_in(Path(os.environ[HOME]))
    except SwiftMissing as missing:
        if os.environ.get("DOORSTEP_TEST_SKIPS_NOTHING") == "1":
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real input beside the project; without it the test is skipped, and says so."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not there")
    return SHARED_DATA
