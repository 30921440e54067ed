"""Engines with the probe tables in them, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from backend.db.engine import make_engine
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.db.upgrade import create_all
from tests.backend.db.probes import PROBES
from tests.postgres import Cluster, running_cluster


@pytest.fixture(scope="session")
def probe_cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sqlite_probes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("probes")
    engine = make_engine(f"sqlite:///{folder}/probes.sqlite")
    create_all(engine, [PROBES])
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_probes(probe_cluster: Cluster) -> Iterator[Engine]:
    engine = make_engine(probe_cluster.create_database("probes"), allow_unsafe=True, lock_timeout_ms=2_000)
    create_all(engine, [PROBES])
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Either database; rows of other tests are in it, so a test looks only at its own."""
    return request.getfixturevalue(f"{request.param}_probes")


@pytest.fixture
def factory(engine: Engine) -> UnitOfWorkFactory:
    return UnitOfWorkFactory(engine)
