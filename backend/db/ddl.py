"""What models need beyond columns (triggers, exclusion constraints): one text per engine."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, MetaData, event

_KEY = "extra_ddl"


def extra_ddl(metadata: MetaData, dialect: str, statements: Sequence[str]) -> None:
    """Have `statements` run, in order, after the tables of `metadata` are made on `dialect`.

    `dialect` is "sqlite" or "postgresql". Rooms call this in their models.py; tests and migration run it.
    The text is sent as it is: no parameters, `%` needs no escape.
    """
    by_dialect: dict[str, list[str]] = metadata.info.setdefault(_KEY, {})
    if not by_dialect:
        event.listen(metadata, "after_create", _run_extra_ddl)
    by_dialect.setdefault(dialect, []).extend(statement.strip() for statement in statements)


def extra_ddl_of(metadata: MetaData, dialect: str) -> list[str]:
    """All statements registered for that dialect, in the order of registration."""
    return list(metadata.info.get(_KEY, {}).get(dialect, ()))


def _run_extra_ddl(
    metadata: MetaData, connection: Connection, *, tables: Sequence[object] = (), **_: Any
) -> None:
    if not tables:  # nothing was created, so the triggers are there already
        return
    for statement in extra_ddl_of(metadata, connection.dialect.name):
        run_statement(connection, statement)


def run_statement(connection: Connection, statement: str) -> None:
    """Send a statement as it is: neither `:name` nor `%s` in it means anything."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def append_only(metadata: MetaData, table: str) -> None:
    """Let the database refuse to change or delete rows of `table`, as constraint `append_only_<table>`."""
    name = f"append_only_{table}"
    extra_ddl(
        metadata,
        "sqlite",
        [
            f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'constraint:{name}'); END"
            for verb in ("UPDATE", "DELETE")
        ],
    )
    extra_ddl(
        metadata,
        "postgresql",
        [
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE EXCEPTION 'rows of {table} are never changed' "
            f"USING ERRCODE = 'check_violation', CONSTRAINT = '{name}', TABLE = '{table}'; END $$",
            f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        ],
    )
