"""The toy business on both engines, each test on empty tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import event

from backend.db.engine import make_engine
from tests.databases import SQLITE_ONLY
from tests.postgres import cluster_in
from tests.sync.toy import Toy, empty, make_toy

HOME = "DOORSTEP_TEST_HOME"


@pytest.fixture(scope="session")
def sqlite_toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """One SQLite file for the whole run."""
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('toy')}/toy.db")
    # Nobody pulls the plug here: what is lost when a process dies is tested without waiting for the disk.
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
    yield make_toy(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_toy() -> Iterator[Toy]:
    """One PostgreSQL database for the whole run."""
    if SQLITE_ONLY:
        pytest.skip("DOORSTEP_TEST_SQLITE_ONLY=1")
    cluster, name = cluster_in(Path(os.environ[HOME])), f"toy_{uuid4().hex}"
    engine = make_engine(cluster.create_database(name), lock_timeout_ms=5000)
    yield make_toy(engine)
    engine.dispose()
    cluster.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def toy(request: pytest.FixtureRequest) -> Toy:
    """The toy, once on each engine, emptied."""
    made: Toy = request.getfixturevalue(f"{request.param}_toy")
    empty(made)
    return made


@pytest.fixture
def pg(postgresql_toy: Toy) -> Toy:
    """The toy on PostgreSQL, where transactions overlap."""
    empty(postgresql_toy)
    return postgresql_toy
