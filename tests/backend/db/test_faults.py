"""Trouble that passes is told from trouble that stays: by real deadlocks, lost servers and locked files."""

import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.db.engine import make_engine
from backend.db.faults import is_connection_trouble, is_transient
from backend.db.unit_of_work import UnitOfWorkFactory
from tests.backend.db.probes import Label, Parcel

LOCK = text("SELECT 1 FROM parcels WHERE id = :id FOR UPDATE")


@pytest.fixture
def two_parcels(postgresql_probes: Engine) -> tuple[UUID, UUID]:
    one, other = uuid4(), uuid4()
    with UnitOfWorkFactory(postgresql_probes).begin() as uow:
        uow.add_all([Parcel(id=one, name=str(one)), Parcel(id=other, name=str(other))])
    return one, other


def test_a_deadlock_passes(postgresql_probes: Engine, two_parcels: tuple[UUID, UUID]) -> None:
    errors: list[DBAPIError] = []
    meet = threading.Barrier(2)

    def lock(first: UUID, second: UUID) -> None:
        try:
            with postgresql_probes.begin() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
                connection.execute(LOCK, {"id": first})
                meet.wait()
                connection.execute(LOCK, {"id": second})
        except DBAPIError as error:
            errors.append(error)

    one, other = two_parcels
    threads = [threading.Thread(target=lock, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error.orig.sqlstate for error in errors] == ["40P01"]
    assert is_transient(errors[0])
    assert not is_connection_trouble(errors[0])


def test_waiting_too_long_for_a_lock_passes(
    postgresql_probes: Engine, two_parcels: tuple[UUID, UUID]
) -> None:
    with postgresql_probes.begin() as holder, postgresql_probes.begin() as waiter:
        holder.execute(LOCK, {"id": two_parcels[0]})
        with pytest.raises(DBAPIError) as caught:
            waiter.execute(LOCK, {"id": two_parcels[0]})
    assert is_transient(caught.value)


def test_two_serializable_transactions_in_each_other_s_way_pass(
    postgresql_probes: Engine, two_parcels: tuple[UUID, UUID]
) -> None:
    serializable = postgresql_probes.execution_options(isolation_level="SERIALIZABLE")
    edit = text("UPDATE parcels SET weight = weight + 1 WHERE id = :id")
    with serializable.connect() as early:
        early.execute(text("SELECT count(*) FROM parcels"))
        with postgresql_probes.begin() as quick:
            quick.execute(edit, {"id": two_parcels[0]})
        with pytest.raises(DBAPIError) as caught:
            early.execute(edit, {"id": two_parcels[0]})
    assert caught.value.orig.sqlstate == "40001"
    assert is_transient(caught.value)


def test_a_lost_connection_is_trouble_with_the_connection(postgresql_probes: Engine) -> None:
    with postgresql_probes.connect() as victim, postgresql_probes.connect() as killer:
        pid = victim.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        killer.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")
        with pytest.raises(DBAPIError) as caught:
            victim.exec_driver_sql("SELECT 1")
    assert is_connection_trouble(caught.value)
    assert not is_transient(caught.value)


def test_a_server_that_is_not_there_is_trouble_with_the_connection() -> None:
    with pytest.raises(DBAPIError) as caught:
        make_engine("postgresql://nobody@127.0.0.1:1/nothing").connect()
    assert is_connection_trouble(caught.value)


def test_a_sqlite_file_that_cannot_be_opened_is_trouble_with_the_connection(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/gone/doorstep.sqlite")
    (tmp_path / "gone" / "doorstep.sqlite").unlink()
    (tmp_path / "gone").rmdir()
    with pytest.raises((DBAPIError, FileNotFoundError)) as caught:
        engine.connect()
    assert isinstance(caught.value, FileNotFoundError) or is_connection_trouble(caught.value)


def test_a_full_disk_is_trouble_with_the_connection(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/small.sqlite")
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA max_page_count = 2")
        with pytest.raises(DBAPIError) as caught:
            connection.exec_driver_sql("CREATE TABLE large AS SELECT zeroblob(100000) AS zeros")
    assert is_connection_trouble(caught.value)
    assert not is_transient(caught.value)


def test_a_broken_rule_stays_broken(factory: UnitOfWorkFactory) -> None:
    with pytest.raises(IntegrityError) as caught, factory.begin() as uow:
        uow.add(Label(id=uuid4(), parcel_id=uuid4(), words="lost"))
    assert not is_transient(caught.value)
    assert not is_connection_trouble(caught.value)


def test_any_other_exception_is_neither() -> None:
    error = ValueError("5")
    error.__cause__ = error
    assert not is_transient(error)
    assert not is_connection_trouble(error)
