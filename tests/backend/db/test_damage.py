"""A damaged SQLite file is noticed before work begins, and while it goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from backend.cli import main
from backend.db.damage import DamagedDatabase, refuse_damaged
from backend.db.engine import make_engine, sqlite_driver
from backend.db.faults import is_connection_trouble, is_damage, is_transient
from backend.web.problems import domain_error_of, status_of

PAGE = 4096


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A table of some pages with an index, everything in the main file."""
    file = tmp_path / "doorstep.sqlite"
    engine = make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE parcels (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"))
        for number in range(2_000):
            connection.execute(text("INSERT INTO parcels (name) VALUES (:name)"), {"name": f"{number:040}"})
    with engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return file


def torn(file: Path, page: int) -> None:
    """A page holds what another one holds."""
    content = bytearray(file.read_bytes())
    content[page * PAGE : (page + 1) * PAGE] = content[(page + 4) * PAGE : (page + 5) * PAGE]
    file.write_bytes(content)


def doorstep(*words: str, file: Path) -> Result:
    """A command on that file."""
    where = {"DOORSTEP_DATABASE": f"sqlite:///{file}", "DOORSTEP_DATA": str(file.parent)}
    return CliRunner().invoke(main, words, env=where)


def test_a_sound_file_and_a_missing_one_are_let_through(file: Path) -> None:
    refuse_damaged(f"sqlite:///{file}")
    refuse_damaged(f"sqlite:///{file.with_name('not-yet.sqlite')}")
    assert not file.with_name("not-yet.sqlite").exists()


@pytest.mark.parametrize("page", range(3, 12, 4))
def test_a_torn_page_keeps_the_server_from_starting(file: Path, page: int) -> None:
    torn(file, page)
    with pytest.raises(DamagedDatabase, match="put the newest sound backup"):
        refuse_damaged(f"sqlite:///{file}")
    refused = doorstep("serve", file=file)
    assert refused.exit_code == 2
    assert "is damaged" in refused.stderr
    assert "damaged:" in doorstep("doctor", file=file).stdout


def test_refusing_leaves_the_files_as_they_were_found(file: Path) -> None:
    sound, log = file.read_bytes(), file.with_name(f"{file.name}-wal")
    driver = sqlite_driver()
    with closing(driver.connect(file, isolation_level=None)) as later:
        for many in (2_000, 50):
            later.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            later.execute("BEGIN")
            names = [(f"{many} {number * 7919 % 100_003:040}",) for number in range(many)]
            later.executemany("INSERT INTO parcels (name) VALUES (?)", names)
            later.execute("COMMIT")
        of_later = log.read_bytes()
    file.write_bytes(sound)
    log.write_bytes(of_later)
    with pytest.raises(DamagedDatabase):
        refuse_damaged(f"sqlite:///{file}")
    assert "damaged:" in doorstep("doctor", file=file).stdout
    assert (file.read_bytes(), log.read_bytes()) == (sound, of_later)
    log.unlink()
    file.with_name(f"{file.name}-shm").unlink(missing_ok=True)
    refuse_damaged(f"sqlite:///{file}")


def test_the_doctor_tells_of_a_file_that_cannot_be_read_as_of_anything_else(file: Path) -> None:
    driver = sqlite_driver()
    with (
        patch("backend.doctor.BUSY_SECONDS", 0.05),
        closing(driver.connect(file, isolation_level=None)) as other,
    ):
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        told = doorstep("doctor", file=file).stdout
        assert "locked." in told
        assert "seal key" in told, "and of all else"
    file.unlink()
    file.mkdir()
    told = doorstep("doctor", file=file).stdout
    assert "!!  database" in told
    assert "damaged" not in told


def test_a_file_of_something_else_is_damage(file: Path) -> None:
    file.write_bytes(b"not a database " * 1_000)
    with pytest.raises(DamagedDatabase, match="not a database"):
        refuse_damaged(f"sqlite:///{file}")
    refused = doorstep("check", file=file)
    assert (refused.exit_code, refused.exception.__class__) == (2, SystemExit)
    assert "is damaged" in refused.stderr


def test_damage_that_shows_later_is_told_apart_and_phones_come_again(file: Path) -> None:
    engine = make_engine(f"sqlite:///{file}")
    content = bytearray(file.read_bytes())
    content[2 * PAGE :] = b"\xff" * (len(content) - 2 * PAGE)
    file.write_bytes(content)
    with pytest.raises(DatabaseError) as caught, engine.connect() as connection:
        connection.execute(text("SELECT sum(length(name)) FROM parcels")).scalar()
    assert is_damage(caught.value)
    assert not is_connection_trouble(caught.value)
    assert not is_transient(caught.value)
    problem = domain_error_of(caught.value)
    assert problem is not None
    assert (status_of(problem), problem.code) == (503, "database-damaged")
