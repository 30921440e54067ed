"""The field cannot reach money: the database refuses it, whatever the code would like."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from backend.db.upgrade import FIELD as FIELD_CHAIN
from backend.payments.badges import project_badge
from backend.payments.models import CHANGING, LEDGER
from backend.payments.queries.field_side import READ, badge_held, show_badge
from backend.payments.roles import AUDIT, FIELD, OWNER, PAYMENTS
from schemas.visits import PaymentBadgeState
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.world import Firm, as_role
from tests.postgres import SUPERUSER

Connect = Callable[[str], psycopg.Connection]
ROLES_ARE_POSTGRESQLS = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
BADGE = (
    "INSERT INTO field.payment_badges (id, revision, created_at, work_order_id, state) "
    "SELECT gen_random_uuid(), 1, now(), id, 'paid' FROM field.work_orders"
)


@pytest.fixture
def connect(firm: Firm) -> Iterator[Connect]:
    """Connections to the firm's PostgreSQL database as a role; each is closed at the end."""
    opened: list[psycopg.Connection] = []

    def as_(role: str) -> psycopg.Connection:
        url = make_url(as_role(firm.url, role)).set(drivername="postgresql")
        opened.append(psycopg.connect(url.render_as_string(hide_password=False), autocommit=True))
        return opened[-1]

    yield as_
    for connection in opened:
        connection.close()


def tables_of(connection: psycopg.Connection, schema: str) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
    return sorted(name for (name,) in rows.fetchall())


def may(connection: psycopg.Connection, statement: str) -> bool:
    """Whether the role may run the statement; what it does is undone, and no matter what else is wrong."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except InsufficientPrivilege:
        return False
    except psycopg.Error:
        return True
    return True


def grants(connect: Connect, role: str) -> dict[str, set[str]]:
    """By trying each verb on each table of both schemas: what a role may."""
    everything = connect(SUPERUSER)
    connection = connect(role)
    found: dict[str, set[str]] = {}
    for schema in ("field", "payments"):
        for table in tables_of(everything, schema):
            name = f"{schema}.{table}"
            column = everything.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s "
                "AND table_name = %s ORDER BY ordinal_position LIMIT 1",
                (schema, table),
            ).fetchone()
            assert column is not None
            tries = {
                "SELECT": f"SELECT * FROM {name} LIMIT 0",
                "INSERT": f"INSERT INTO {name} DEFAULT VALUES",
                "UPDATE": f'UPDATE {name} SET "{column[0]}" = "{column[0]}" WHERE false',
                "DELETE": f"DELETE FROM {name} WHERE false",
                "TRUNCATE": f"TRUNCATE {name}",
                "DDL": f"ALTER TABLE {name} ADD COLUMN more integer",
            }
            found[name] = {verb for verb, statement in tries.items() if may(connection, statement)}
    return found


def what_the_field_may_do_to_money(connect: Connect) -> dict[str, set[str]]:
    """Everything beyond reading the badge; has to be nothing."""
    return {
        name: verbs
        for name, verbs in grants(connect, FIELD).items()
        if verbs
        and (name.startswith("payments.") or (name == "field.payment_badges" and verbs != {"SELECT"}))
    }


@ROLES_ARE_POSTGRESQLS
def test_the_field_may_everything_in_its_own_schema_but_touch_the_badge_or_the_tables(
    connect: Connect,
) -> None:
    found = grants(connect, FIELD)
    of_field = {name: verbs for name, verbs in found.items() if name.startswith("field.")}
    only_read = {"field.payment_badges", "field.alembic_version"}
    everything = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert {name for name, verbs in of_field.items() if verbs != everything} == only_read
    assert all(of_field[name] == {"SELECT"} for name in only_read)
    assert what_the_field_may_do_to_money(connect) == {}


@ROLES_ARE_POSTGRESQLS
def test_a_planted_grant_is_found(connect: Connect) -> None:
    admin = connect(SUPERUSER)
    admin.execute(f"GRANT USAGE ON SCHEMA payments TO {FIELD}")
    admin.execute(f"GRANT SELECT ON payments.entries TO {FIELD}")
    assert what_the_field_may_do_to_money(connect) == {"payments.entries": {"SELECT"}}


@ROLES_ARE_POSTGRESQLS
def test_usage_of_the_schema_alone_is_found(connect: Connect) -> None:
    connect(SUPERUSER).execute(f"GRANT USAGE ON SCHEMA payments TO {FIELD}")
    assert usages(connect)[FIELD] == {"field", "payments"}


def usages(connect: Connect) -> Mapping[str, set[str]]:
    rows = connect(SUPERUSER).execute(
        "SELECT r.rolname, n.nspname FROM pg_roles r, pg_namespace n "
        "WHERE r.rolname LIKE 'doorstep\\_%' AND n.nspname IN ('field', 'payments') "
        "AND has_schema_privilege(r.oid, n.oid, 'USAGE')"
    )
    found: dict[str, set[str]] = {}
    for role, schema in rows.fetchall():
        found.setdefault(role, set()).add(schema)
    return found


@ROLES_ARE_POSTGRESQLS
def test_each_role_reaches_its_own_schemas_and_is_nobody_else(connect: Connect) -> None:
    both = {"field", "payments"}
    assert usages(connect) == {OWNER: both, FIELD: {"field"}, PAYMENTS: both, AUDIT: both}
    admin = connect(SUPERUSER)
    roles = admin.execute(
        "SELECT rolname, rolcanlogin, rolsuper OR rolinherit OR rolcreatedb OR rolcreaterole "
        "OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname LIKE 'doorstep\\_%'"
    ).fetchall()
    assert {role: login for role, login, _ in roles} == {
        OWNER: False,
        FIELD: True,
        PAYMENTS: True,
        AUDIT: True,
    }
    assert not any(more for _, _, more in roles)
    for role in (FIELD, PAYMENTS, AUDIT):
        for other in {OWNER, FIELD, PAYMENTS, AUDIT, SUPERUSER} - {role}:
            assert not may(connect(role), f"SET ROLE {other}"), (role, other)


@ROLES_ARE_POSTGRESQLS
def test_payments_only_adds_to_what_tells_of_money(connect: Connect) -> None:
    found = grants(connect, PAYMENTS)
    for table in LEDGER.tables:
        more = found[f"payments.{table}"] - {"SELECT", "INSERT"}
        assert bool(more) == (table in CHANGING), table
        assert not more & {"TRUNCATE", "DDL"}
    of_field = {name: verbs for name, verbs in found.items() if name.startswith("field.") and verbs}
    # A verb on all columns is not among them: reading is granted column by column.
    assert of_field == {"field.payment_badges": {"INSERT"}, "field.sync_changes": {"INSERT"}}


@ROLES_ARE_POSTGRESQLS
def test_payments_reads_the_columns_it_bills_and_no_others(connect: Connect) -> None:
    rows = connect(PAYMENTS).execute(
        "SELECT a.attrelid::regclass::text, a.attname "
        "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "WHERE c.relnamespace = 'field'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 "
        "AND NOT a.attisdropped AND has_column_privilege(a.attrelid, a.attnum, 'SELECT')"
    )
    found: dict[str, set[str]] = {}
    for table, column in rows.fetchall():
        found.setdefault(table.removeprefix("field."), set()).add(column)
    assert found == {table: set(columns) for table, columns in READ.items()}
    connection = connect(PAYMENTS)
    assert not may(connection, "SELECT signer_name FROM field.service_reports")
    assert not may(connection, "UPDATE field.report_charges SET unit_minor = 1")
    assert not may(connection, "UPDATE field.payment_badges SET work_order_id = work_order_id")
    assert not may(connection, "SELECT * FROM field.users")


@ROLES_ARE_POSTGRESQLS
def test_audit_reads_everything_and_writes_nothing(connect: Connect) -> None:
    assert {frozenset(verbs) for verbs in grants(connect, AUDIT).values()} == {frozenset({"SELECT"})}


def test_the_field_cannot_make_itself_paid(firm: Firm) -> None:
    request = firm.billed()
    statements = [
        BADGE
        if firm.is_postgresql
        else BADGE.replace("field.", "").replace("gen_random_uuid(), 1, now()", "'x', 1, ''"),
        "UPDATE payment_badges SET state = 'paid'",
        "DELETE FROM payment_badges",
        "DROP TABLE payment_badges",
        "ALTER TABLE payment_badges ADD COLUMN more TEXT",
        "CREATE TABLE more (id INTEGER)",
    ]
    if not firm.is_postgresql:
        ledger = firm.payments.payments.database_url.removeprefix("sqlite:///")
        statements += [
            "INSERT OR REPLACE INTO payment_badges VALUES ('x', 1, '', 'x', 'paid')",
            f"ATTACH DATABASE '{ledger}' AS money",
            "PRAGMA writable_schema = 1",
            "CREATE TEMP TABLE more (id INTEGER)",
            "CREATE TRIGGER more AFTER INSERT ON sync_changes BEGIN DELETE FROM payment_badges; END",
            "CREATE VIEW more AS SELECT 1",
            "DELETE FROM sqlite_master",
        ]
    for statement in statements:
        with refused(), firm.field.begin() as uow:
            uow.session.execute(text(statement))
    assert firm.badge(request) is None


def test_the_payments_process_writes_nothing_of_the_field_but_the_badge(firm: Firm) -> None:
    firm.billed()
    for statement in (
        "UPDATE report_charges SET unit_minor = 1",
        "UPDATE work_orders SET summary = 'x'",
        "DELETE FROM payment_badges",
        "DELETE FROM sync_changes",
        "DROP TABLE payment_badges",
    ):
        with refused(), firm.payments.sides.field.begin() as uow:
            uow.session.execute(text(statement))
        with refused(), firm.payments.sides.ledger.begin() as uow:
            uow.session.execute(text(_from_the_ledger(statement)))


def _told(firm: Firm) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """All that a feed is made from: what changed, and the badges."""
    with firm.field.begin(write=False) as uow:
        changes = uow.session.execute(text("SELECT * FROM sync_changes ORDER BY 1"))
        badges = uow.session.execute(text("SELECT * FROM payment_badges ORDER BY 1"))
        return [tuple(row) for row in changes], [tuple(row) for row in badges]


def test_no_bill_an_unpaid_a_partly_paid_one_and_a_paid_deposit_are_told_alike(firm: Firm) -> None:
    partly, unpaid, deposit = firm.billed(), firm.billed(2_000), firm.deposit(5_000)
    before = _told(firm)
    files = [[Paid(100, partly.reference), Paid(5_000, deposit.reference)], [Paid(200, partly.reference)]]
    for position, paid in enumerate(files):
        take(firm, statement_file(paid, statement_id=f"S-{position}"))
        firm.round()
        assert _told(firm) == before, "a phone that syncs would learn that money moved"
    take(firm, statement_file([Paid(2_000, unpaid.reference)], statement_id="S-9"))
    firm.round()
    changes, badges = _told(firm)
    assert len(badges) == 1
    firm.round()
    project_badge(firm.payments.sides, unpaid.work_order_id)
    assert _told(firm) == (changes, badges), "nothing is written when the answer stays what it was"


@ROLES_ARE_POSTGRESQLS
def test_two_who_project_a_first_badge_at_once_wait_for_each_other(firm: Firm) -> None:
    request = firm.billed(2_000)
    take(firm, statement_file([Paid(2_000, request.reference)]))
    second = threading.Thread(target=project_badge, args=(firm.payments.sides, request.work_order_id))
    with firm.payments.sides.field.begin() as uow:
        held = badge_held(uow, request.work_order_id)
        second.start()
        second.join(0.5)
        assert second.is_alive(), "it did not wait for the badge that is being written"
        show_badge(uow, held, PaymentBadgeState.PAID)
    second.join(30)
    assert firm.badge(request) is PaymentBadgeState.PAID


def _from_the_ledger(statement: str) -> str:
    for table in ("report_charges", "work_orders", "payment_badges", "sync_changes"):
        statement = statement.replace(table, f"{FIELD_CHAIN.schema}.{table}")
    return statement


@contextmanager
def refused() -> Iterator[None]:
    said = r"not authorized|prohibited|permission denied|must be owner|readonly|may not be modified"
    with pytest.raises(DBAPIError, match=said):
        yield
