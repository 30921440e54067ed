"""Engines with the probe tables in them, on both databases."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from backend.db.engine import make_engine
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.db.upgrade import create_all
from tests.backend.db.probes import PROBES
from tests.conftest import HOME
from tests.databases import SQLITE_ONLY
from tests.postgres import Cluster, cluster_in


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The PostgreSQL of this run."""
    if SQLITE_ONLY:
        pytest.skip("DOORSTEP_TEST_SQLITE_ONLY=1")
    return cluster_in(Path(os.environ[HOME]))


@pytest.fixture(scope="session")
def sqlite_probes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('probes')}/probes.sqlite")
    create_all(engine, [PROBES])
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_probes(cluster: Cluster) -> Iterator[Engine]:
    name = f"probes_{os.getpid()}"
    engine = make_engine(cluster.create_database(name), allow_unsafe=True, lock_timeout_ms=1_000)
    create_all(engine, [PROBES])
    yield engine
    engine.dispose()
    cluster.drop_database(name)


@pytest.fixture
def engine(engine_name: str, request: pytest.FixtureRequest) -> Engine:
    """Either database; rows of other tests are in it, so a test looks only at its own."""
    return request.getfixturevalue(f"{engine_name}_probes")


@pytest.fixture
def factory(engine: Engine) -> UnitOfWorkFactory:
    return UnitOfWorkFactory(engine)
