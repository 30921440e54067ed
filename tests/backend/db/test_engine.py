"""Connections are opened so that nothing acknowledged is lost and nobody else reads the file."""

import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from backend.db.engine import UnsafeDatabase, make_engine, reading, sqlite_driver
from backend.db.faults import is_transient
from backend.db.sqlite_lock import is_faulty
from tests.postgres import Cluster


def asked(engine: Engine, question: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(question).scalar()


def test_sqlite_keeps_what_it_acknowledged_and_checks_what_it_stores(sqlite_probes: Engine) -> None:
    answers = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 30_000,
    }
    assert {name: asked(sqlite_probes, f"PRAGMA {name}") for name in answers} == answers


def test_the_sqlite_that_is_used_is_a_sound_one() -> None:
    assert not is_faulty(sqlite_driver().sqlite_version_info)


def test_only_the_owner_reads_the_sqlite_file(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/new folder/doorstep.sqlite")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE secrets (words)")
        modes = {
            path.suffix: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new folder").iterdir()
        }
    engine.dispose()
    assert modes == {".sqlite": 0o600, ".sqlite-wal": 0o600, ".sqlite-shm": 0o600, ".lock": 0o600}


def test_a_sqlite_database_in_memory_works_too() -> None:
    engine = make_engine("sqlite://")
    assert asked(engine, "SELECT ST_X(geometry(ST_MakePoint(1, 2)))") == 1


def test_postgresql_knows_our_schema_our_zone_and_its_limits(postgresql_probes: Engine) -> None:
    expected = {
        "search_path": "field,public",
        "TimeZone": "UTC",
        "transaction_isolation": "read committed",
        "statement_timeout": "30s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "1min",
    }
    assert {name: asked(postgresql_probes, f"SHOW {name}") for name in expected} == expected


def test_a_reading_connection_of_postgresql_is_one_snapshot(postgresql_probes: Engine) -> None:
    engine = reading(postgresql_probes)
    assert asked(engine, "SHOW transaction_isolation") == "repeatable read"
    assert asked(engine, "SHOW transaction_read_only") == "on"
    assert asked(postgresql_probes, "SHOW transaction_read_only") == "off"


def test_a_postgresql_that_forgets_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOORSTEP_ALLOW_UNSAFE_DATABASE")
    with pytest.raises(UnsafeDatabase, match="fsync=off"):
        make_engine(cluster.url("postgres")).connect()
    monkeypatch.setenv("DOORSTEP_ALLOW_UNSAFE_DATABASE", "1")
    engine = make_engine(cluster.url("postgres"))
    assert asked(engine, "SELECT 1") == 1
    engine.dispose()


def test_plain_postgresql_addresses_mean_psycopg_three(cluster: Cluster) -> None:
    for scheme in ("postgresql", "postgres"):
        url = cluster.url("postgres").replace("postgresql+psycopg", scheme)
        engine = make_engine(url, allow_unsafe=True)
        assert (engine.dialect.driver, asked(engine, "SELECT 1")) == ("psycopg", 1)
        engine.dispose()


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql is not a database Doorstep runs on"):
        make_engine("mysql://somewhere/doorstep")


def test_tables_made_in_a_transaction_that_fails_are_gone(engine: Engine) -> None:
    with pytest.raises(RuntimeError), engine.begin() as connection:
        make_table_and_break(connection)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE half_done (id integer)")
        connection.exec_driver_sql("DROP TABLE half_done")


def make_table_and_break(connection: object) -> None:
    connection.exec_driver_sql("CREATE TABLE half_done (id integer)")
    raise RuntimeError


def test_a_writer_waits_for_the_one_before(sqlite_probes: Engine) -> None:
    order: list[str] = []
    holding = threading.Event()

    def hold() -> None:
        with sqlite_probes.begin():
            holding.set()
            threading.Event().wait(0.3)
            order.append("first")

    first = threading.Thread(target=hold)
    first.start()
    holding.wait()
    with sqlite_probes.begin():
        order.append("second")
    first.join()
    assert order == ["first", "second"]


def test_a_writer_that_waited_too_long_gets_an_error_that_passes(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/busy.sqlite", busy_seconds=0.05)
    with engine.connect() as second, engine.begin():
        with pytest.raises(OperationalError) as caught:
            second.execute(text("SELECT 1"))
        assert is_transient(caught.value)
