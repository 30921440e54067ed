"""A ledger from before deposits keeps its rows, and learns that all of them are bills."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.db.engine import make_engine, migrating
from backend.db.upgrade import alembic_config, prepare_database, upgrade
from backend.payments.models import CHAIN
from tests.databases import Databases

NOON = "2026-03-02T12:00:00.000000Z"
OLD_ROWS = (
    "INSERT INTO payment_requests VALUES (:id, 'P-1', 'RF1', 'x', :id, 'W-1', :id, :id, 'Ada', NULL, "
    f"'Cold.', 'EUR', 500, 0, '{NOON}', '2026-03-16')",
    "INSERT INTO request_lines VALUES (:id, :id, :id, 1, 'Labour', 1, 500, 500, 0, NULL, 1900, 80)",
)
NEVER_CHANGED = ("ended_deposits", "request_lines", "payment_requests")


def test_what_was_billed_before_is_a_bill_and_can_still_not_be_changed(
    engine_name: str, databases: Databases, tmp_path: Path
) -> None:
    name, url = f"test_{uuid4().hex}", f"sqlite:///{tmp_path / 'old.sqlite'}"
    if engine_name == "postgresql":
        url = databases.postgresql().create_database(name)
    engine = make_engine(url, search_path=CHAIN.search_path)
    key = {"id": uuid4().hex}
    with migrating(engine).begin() as connection:
        prepare_database(connection, CHAIN)
        command.upgrade(alembic_config(connection, CHAIN), "0003")
        for statement in OLD_ROWS:
            connection.execute(text(statement), key)
    upgrade(url, CHAIN)
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO ended_deposits VALUES (:id, 'billed', '{NOON}')"), key)
        assert connection.execute(text("SELECT kind, number FROM payment_requests")).one() == ("bill", "P-1")
        line = connection.execute(text("SELECT tax_minor, list_minor, list_currency FROM request_lines"))
        assert line.one() == (80, None, None)
    for table in NEVER_CHANGED:
        with pytest.raises(DBAPIError, match=r"append_only|never changed"), engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {table}"))
    engine.dispose()
    if engine_name == "postgresql":
        databases.postgresql().drop_database(name)
