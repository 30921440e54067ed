"""The roles of PostgreSQL and what each may: `doorstep db roles` makes the database agree with this page.

What is not granted here is refused by the database. Run it after every upgrade: a new table is nobody's until
then. It can be repeated, and takes away what was granted beyond this.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, inspect

from backend.db.ddl import run_statement
from backend.db.upgrade import FIELD as FIELD_CHAIN
from backend.payments.models import SCHEMA
from backend.payments.queries.field_side import BADGES, READ

OWNER, FIELD, PAYMENTS, AUDIT = "doorstep_owner", "doorstep_field", "doorstep_payments", "doorstep_audit"
_LOGIN = {OWNER: "NOLOGIN", FIELD: "LOGIN", PAYMENTS: "LOGIN", AUDIT: "LOGIN"}
_NOTHING_ELSE = "NOSUPERUSER NOINHERIT NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"

FIELD_ONLY_READS = (BADGES, "alembic_version")
"""What the field may read in its own schema and never write."""
PAYMENTS_CHANGES = {
    "outbox_messages": "UPDATE, DELETE",
    "people": "UPDATE",
    "sessions": "DELETE",
}
"""Beyond SELECT and INSERT; nothing that tells of money is in it."""


def grant_roles(connection: Connection) -> None:
    """Make the roles, hand every table to the owner, and grant what each role may; in one transaction.

    Needs a role that may create roles. No password is set: do that by ALTER ROLE, or sign in otherwise.
    """
    for statement in _statements(connection):
        run_statement(connection, statement)


def _statements(connection: Connection) -> Iterator[str]:
    field, payments = FIELD_CHAIN.schema, SCHEMA
    for role, login in _LOGIN.items():
        yield (
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
            f"'{role}') THEN CREATE ROLE {role}; END IF; END $$"
        )
        yield f"ALTER ROLE {role} {login} {_NOTHING_ELSE}"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    for schema in (field, payments):
        yield f"ALTER SCHEMA {schema} OWNER TO {OWNER}"
        yield from _owned(connection, schema)
        for role in ("PUBLIC", FIELD, PAYMENTS, AUDIT):
            yield f"REVOKE ALL ON SCHEMA {schema} FROM {role}"
            yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}"
            yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role}"
        yield f"GRANT USAGE ON SCHEMA {schema} TO {AUDIT}"
        yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {AUDIT}"
    yield from _of_field(field)
    yield from _of_payments(field, payments)


def _owned(connection: Connection, schema: str) -> Iterator[str]:
    """Every table, with its sequences, and every function of a schema becomes the owner's."""
    for table in inspect(connection).get_table_names(schema):
        yield f'ALTER TABLE {schema}."{table}" OWNER TO {OWNER}'
    functions = connection.exec_driver_sql(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = %s::regnamespace", (schema,)
    )
    for (function,) in functions.all():
        yield f"ALTER FUNCTION {function} OWNER TO {OWNER}"


def _of_field(field: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {field} TO {FIELD}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {field} TO {FIELD}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {field} TO {FIELD}"
    for table in FIELD_ONLY_READS:
        yield f"REVOKE INSERT, UPDATE, DELETE ON {field}.{table} FROM {FIELD}"


def _of_payments(field: str, payments: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {payments} TO {PAYMENTS}"
    yield f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {payments} TO {PAYMENTS}"
    yield f"REVOKE INSERT ON {payments}.alembic_version FROM {PAYMENTS}"
    for table, verbs in PAYMENTS_CHANGES.items():
        yield f"GRANT {verbs} ON {payments}.{table} TO {PAYMENTS}"
    yield f"GRANT USAGE ON SCHEMA {field} TO {PAYMENTS}"
    for table, columns in READ.items():
        yield f"GRANT SELECT ({', '.join(columns)}) ON {field}.{table} TO {PAYMENTS}"
    yield f"GRANT INSERT, UPDATE (state, revision) ON {field}.{BADGES} TO {PAYMENTS}"
    yield f"GRANT INSERT ON {field}.sync_changes TO {PAYMENTS}"
    yield f"GRANT USAGE ON SEQUENCE {field}.sync_changes_id_seq TO {PAYMENTS}"
