"""A ledger from before deposits keeps its rows, and learns that all of them are bills."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from alembic import command
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.db.engine import make_engine, migrating
from backend.db.outbox_message import OutboxMessage
from backend.db.upgrade import alembic_config, prepare_database, upgrade
from backend.payments.models import CHAIN, Notice
from backend.payments.queries import messages_of_notices, unsent_messages
from schemas.payments import Channel
from tests.databases import Databases

NOON = "2026-03-02T12:00:00.000000Z"
OLD_ROWS = (
    "INSERT INTO payment_requests VALUES (:id, 'P-1', 'RF1', 'x', :id, 'W-1', :id, :id, 'Ada', NULL, "
    f"'Cold.', 'EUR', 500, 0, '{NOON}', '2026-03-16')",
    "INSERT INTO request_lines VALUES (:id, :id, :id, 1, 'Labour', 1, 500, 500, 0, NULL, 1900, 80)",
)
MAILED = (
    "INSERT INTO payment_requests (id, kind, number, reference, link_sha256, work_order_id, "
    "work_order_number, report_id, customer_id, customer_name, customer_email, summary, currency, "
    "gross_minor, covered_minor, issued_at, due_on) "
    "VALUES (:id, 'bill', :number, :reference, :link, :id, 'W-1', :id, :id, 'Ada', :email, "
    f"'Cold.', 'EUR', 500, 0, '{NOON}', '2026-03-16')"
)
WAITS = (
    "INSERT INTO outbox_messages (id, created_at, revision, kind, key, payload, state, attempts, "
    f"next_attempt_at) VALUES (:id, '{NOON}', 1, :kind, :key, '{{}}', 'due', 0, '{NOON}')"
)
DEAD_AND_SETTLED = (
    "INSERT INTO people (id, email, display_name, password_hash, created_at) "
    f"VALUES (:id, 'noor@example.org', 'Noor', 'x', '{NOON}')",
    "INSERT INTO outbox_messages (id, created_at, revision, kind, key, payload, state, attempts, "
    f"next_attempt_at) VALUES (:id, '{NOON}', 3, 'mail', 'k', '{{}}', 'dead', 1, '{NOON}')",
    "INSERT INTO settled_matters (id, kind, subject_id, words, at, person_id) "
    f"VALUES (:id, 'message_unsent', :id, 'Talked to Ada.', '{NOON}', :id)",
)
NEVER_CHANGED = ("ended_deposits", "request_lines", "payment_requests")


@contextmanager
def ledger_at(
    revision: str, engine_name: str, databases: Databases, folder: Path
) -> Iterator[tuple[str, Engine]]:
    """A ledger from the time of that revision; upgrade it by its address."""
    name, url = f"test_{uuid4().hex}", f"sqlite:///{folder / 'old.sqlite'}"
    if engine_name == "postgresql":
        url = databases.postgresql().create_database(name)
    engine = make_engine(url, search_path=CHAIN.search_path)
    try:
        with migrating(engine).begin() as connection:
            prepare_database(connection, CHAIN)
            command.upgrade(alembic_config(connection, CHAIN), revision)
        yield url, engine
    finally:
        engine.dispose()
        if engine_name == "postgresql":
            databases.postgresql().drop_database(name)


def test_what_was_mailed_before_counts_as_told_and_its_message_is_still_found(
    engine_name: str, databases: Databases, tmp_path: Path
) -> None:
    mailed, silent, waits = uuid4().hex, uuid4().hex, uuid4().hex
    with ledger_at("0005", engine_name, databases, tmp_path) as (url, engine):
        with engine.begin() as connection:
            for id_, email in ((mailed, "ada@example.org"), (silent, None)):
                named = dict.fromkeys(("number", "reference", "link"), id_[:12])
                connection.execute(text(MAILED), {"id": id_, "email": email, **named})
            for id_, kind, key in (
                (waits, "mail", f"request:{UUID(mailed)}"),
                (silent, "badge", "request:x"),
            ):
                connection.execute(text(WAITS), {"id": id_, "kind": kind, "key": key})
        upgrade(url, CHAIN)
        with Session(engine) as session:
            (notice,) = session.scalars(select(Notice))
            assert (notice.request_id, notice.channel) == (UUID(mailed), Channel.MAIL)
            assert (notice.address, notice.at.isoformat()[:16]) == ("ada@example.org", "2026-03-02T12:00")
            assert [each.id for each in messages_of_notices(session, [notice]).values()] == [UUID(waits)]
            assert (
                session.scalar(select(OutboxMessage.key).where(OutboxMessage.kind == "badge")) == "request:x"
            )
        for verb in ("DELETE FROM notices", "UPDATE notices SET address = 'x'"):
            with pytest.raises(DBAPIError, match=r"append_only|never changed"), engine.begin() as connection:
                connection.execute(text(verb))


def test_an_unsent_message_that_was_settled_before_stays_so_until_it_is_given_up_again(
    engine_name: str, databases: Databases, tmp_path: Path
) -> None:
    id_ = uuid4().hex
    with ledger_at("0008", engine_name, databases, tmp_path) as (url, engine):
        with engine.begin() as connection:
            for statement in DEAD_AND_SETTLED:
                connection.execute(text(statement), {"id": id_})
        upgrade(url, CHAIN)
        with Session(engine) as session:
            assert unsent_messages(session) == []
            session.execute(text("UPDATE outbox_messages SET revision = 6"))
            assert len(unsent_messages(session)) == 1
        with pytest.raises(DBAPIError, match=r"append_only|never changed"), engine.begin() as connection:
            connection.execute(text("DELETE FROM settled_matters"))


def test_what_was_billed_before_is_a_bill_and_can_still_not_be_changed(
    engine_name: str, databases: Databases, tmp_path: Path
) -> None:
    key = {"id": uuid4().hex}
    with ledger_at("0003", engine_name, databases, tmp_path) as (url, engine):
        with engine.begin() as connection:
            for statement in OLD_ROWS:
                connection.execute(text(statement), key)
        upgrade(url, CHAIN)
        with engine.begin() as connection:
            connection.execute(text(f"INSERT INTO ended_deposits VALUES (:id, 'billed', '{NOON}')"), key)
            request = connection.execute(text("SELECT kind, number FROM payment_requests"))
            assert request.one() == ("bill", "P-1")
            line = connection.execute(text("SELECT tax_minor, list_minor, list_currency FROM request_lines"))
            assert line.one() == (80, None, None)
        for table in NEVER_CHANGED:
            with pytest.raises(DBAPIError, match=r"append_only|never changed"), engine.begin() as connection:
                connection.execute(text(f"DELETE FROM {table}"))
