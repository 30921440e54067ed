"""A migrated database is what the models say, and an upgrade that fails can be repeated."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, inspect, text

from backend.db import revisions
from backend.db import upgrade as upgrading
from backend.db.engine import make_engine
from backend.db.revisions import all_metadata, differences, write_revision
from backend.db.upgrade import create_all, pending, upgrade
from tests.postgres import Cluster

Empty = Callable[[], str]

# what no inspector reports: triggers, functions, exclusion constraints
CATALOG = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": """
        SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'field'::regnamespace
        UNION ALL
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype = 'x' AND connamespace = 'field'::regnamespace
        UNION ALL
        SELECT extname, '' FROM pg_extension
    """,
}
BROKEN_STEP = '''"""Breaks in the middle."""
from alembic import op
import sqlalchemy as sa

revision, down_revision = "9999", "{head}"


def upgrade():
    op.create_table("half_done", sa.Column("id", sa.Integer, primary_key=True))
    {then}
'''


@pytest.fixture
def empty(engine_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Empty]:
    """Makes addresses of databases with nothing in them."""
    if engine_name == "sqlite":
        yield lambda: f"sqlite:///{tmp_path}/{uuid4().hex}.sqlite"
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    names: list[str] = []

    def make() -> str:
        names.append(f"empty_{uuid4().hex}")
        return cluster.create_database(names[-1])

    yield make
    for name in names:
        cluster.drop_database(name)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may add to."""
    copy = tmp_path / "migrations"
    shutil.copytree(upgrading.MIGRATIONS, copy)
    monkeypatch.setattr(upgrading, "MIGRATIONS", copy)
    return copy / "versions"


def in_words(found: object) -> str:
    return json.dumps(found, sort_keys=True, default=str)


def described(engine: Engine) -> dict[str, object]:
    """Everything in a database that a migration can get wrong."""
    inspector = inspect(engine)
    tables = sorted(set(inspector.get_table_names()) - {"alembic_version", "spatial_ref_sys"})
    found: dict[str, object] = {
        name: {
            "columns": [
                in_words({**each, "type": repr(each["type"])}) for each in inspector.get_columns(name)
            ],
            "key": in_words(inspector.get_pk_constraint(name)),
            "links": sorted(map(in_words, inspector.get_foreign_keys(name))),
            "unique": sorted(map(in_words, inspector.get_unique_constraints(name))),
            "checks": sorted(map(in_words, inspector.get_check_constraints(name))),
            "indexes": sorted(map(in_words, inspector.get_indexes(name))),
        }
        for name in tables
    }
    with engine.connect() as connection:
        found["others"] = sorted(map(str, connection.execute(text(CATALOG[engine.dialect.name]))))
    return found


def head() -> str:
    return sorted(path.name[:4] for path in upgrading.MIGRATIONS.joinpath("versions").glob("0*.py"))[-1]


def test_a_migrated_database_is_what_the_models_say(empty: Empty) -> None:
    upgraded, modelled = empty(), empty()
    upgrade(upgraded)
    by_migration, by_models = make_engine(upgraded), make_engine(modelled)
    create_all(by_models, all_metadata())
    assert described(by_migration) == described(by_models)
    with by_migration.connect() as connection:
        assert differences(connection) == []
    by_migration.dispose()
    by_models.dispose()


def test_an_upgrade_is_pending_until_it_is_done_and_then_does_nothing(empty: Empty) -> None:
    url = empty()
    assert pending(url)
    upgrade(url)
    assert not pending(url)
    upgrade(url)


def test_an_upgrade_that_breaks_in_the_middle_leaves_nothing_and_can_be_repeated(
    empty: Empty, history: Path
) -> None:
    url, step = empty(), history / "9999_broken.py"
    step.write_text(BROKEN_STEP.format(head=head(), then="raise RuntimeError('the power went out')"))
    with pytest.raises(RuntimeError, match="the power went out"):
        upgrade(url)
    engine = make_engine(url)
    assert set(inspect(engine).get_table_names()) <= {"spatial_ref_sys"}
    step.write_text(BROKEN_STEP.format(head=head(), then="pass"))
    upgrade(url)
    engine.dispose()
    engine = make_engine(url)
    assert {"visits", "half_done"} <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_two_upgrades_at_once_are_one(empty: Empty) -> None:
    url = empty()
    failures: list[Exception] = []

    def run() -> None:
        try:
            upgrade(url)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert not pending(url)


def test_a_step_that_would_leave_rows_without_their_parents_is_refused_on_sqlite(
    tmp_path: Path, history: Path
) -> None:
    orphan = (
        'op.execute("CREATE TABLE child (id integer, parent integer REFERENCES half_done (id))"); '
        'op.execute("INSERT INTO child VALUES (1, 2)")'
    )
    history.joinpath("9999_orphans.py").write_text(BROKEN_STEP.format(head=head(), then=orphan))
    with pytest.raises(RuntimeError, match="rows of child that point to no half_done"):
        upgrade(f"sqlite:///{tmp_path}/orphans.sqlite")


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_the_next_step_is_written_from_the_models(
    empty: Empty, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty()
    upgrade(url)
    known = all_metadata()
    more = MetaData()
    Table("wishes", more, Column("id", Integer, primary_key=True))
    monkeypatch.setattr(revisions, "all_metadata", lambda: [*known, more])
    engine = make_engine(url)
    with engine.connect() as connection:
        path = write_revision(connection, "Wishes of customers")
    engine.dispose()
    assert path == history / f"{int(head()):04}_wishes_of_customers.py"
    assert "op.create_table(" in path.read_text()
    for address in (url, f"sqlite:///{history}/wishes.sqlite"):
        upgrade(address)
        engine = make_engine(address)
        assert "wishes" in inspect(engine).get_table_names()
        engine.dispose()
