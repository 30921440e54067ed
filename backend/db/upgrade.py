"""Brings a database to the tables that this program needs: `upgrade(url)`, or `doorstep db upgrade`.

The migrations are part of the package (no alembic.ini); each runs on both engines, and all that are pending
run in one transaction: an upgrade that fails leaves nothing behind and can be repeated. There are no
downgrades: going back means restoring the backup from before. `backend.db.revisions` writes new ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData

from backend.db.base import Base
from backend.db.ddl import run_statement
from backend.db.engine import make_engine, migrating, reading

POSTGRESQL_SCHEMA = "field"
EXTENSIONS = ("postgis", "btree_gist")
MIGRATIONS = Path(__file__).parent.parent / "migrations"

_UPGRADE_LOCK = 4_605_917_033
"""Any number: the key of the advisory lock that lets one upgrade run at a time."""


@dataclass(frozen=True)
class Chain:
    """One history of tables, and where they live: a schema of PostgreSQL, or an SQLite file of their own.

    `versions` is the folder of its migrations; None: that of the field.
    """

    schema: str
    extensions: Sequence[str] = ()
    versions: Path | None = None

    @property
    def search_path(self) -> str:
        """Where PostgreSQL looks for names; the extensions live in `public`."""
        return f"{self.schema},public"


FIELD = Chain(POSTGRESQL_SCHEMA, EXTENSIONS)
"""The tables of the business and of the sync engine."""


def upgrade(url: str, chain: Chain = FIELD) -> None:
    """Run the migrations that are pending, if any; two processes may try at once, one of them does it.

    On PostgreSQL it makes the chain's schema and, unless they are there, its extensions (for the field:
    postgis and btree_gist, for which the role must be allowed to create extensions).
    """
    engine = make_engine(url, statement_timeout_ms=0, lock_timeout_ms=60_000, search_path=chain.search_path)
    try:
        if is_current(engine, chain):
            return
        with migrating(engine).begin() as connection:
            prepare_database(connection, chain)
            command.upgrade(alembic_config(connection, chain), "head")
            _refuse_dangling_rows(connection)
    finally:
        engine.dispose()


def pending(url: str, chain: Chain = FIELD) -> bool:
    """Whether `upgrade` has something to do. Changes nothing."""
    engine = make_engine(url, search_path=chain.search_path)
    try:
        return not is_current(engine, chain)
    finally:
        engine.dispose()


def is_current(engine: Engine, chain: Chain = FIELD) -> bool:
    """Whether the database has exactly the tables of this program's newest migration."""
    newest = set(ScriptDirectory.from_config(alembic_config(chain=chain)).get_heads())
    with reading(engine).connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == newest


def create_all(engine: Engine, metadatas: Sequence[MetaData] = (Base.metadata,)) -> None:
    """Make all tables in an empty database straight from the models, in one transaction."""
    with engine.begin() as connection:
        prepare_database(connection)
        for metadata in metadatas:
            metadata.create_all(connection)


def prepare_database(connection: Connection, chain: Chain = FIELD) -> None:
    """What must be there before the first table: on PostgreSQL the schema and the extensions."""
    if connection.dialect.name != "postgresql":
        return
    run_statement(connection, f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
    run_statement(connection, f"CREATE SCHEMA IF NOT EXISTS {chain.schema}")
    for extension in chain.extensions:
        run_statement(connection, f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public")


def alembic_config(connection: Connection | None = None, chain: Chain = FIELD) -> Config:
    """Alembic's configuration, made here instead of read from a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    if chain.versions is not None:
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", str(chain.versions))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _refuse_dangling_rows(connection: Connection) -> None:
    # A migration on SQLite may have to rebuild a table, for which foreign keys are off; so they are checked
    # now.
    if connection.dialect.name == "sqlite":
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if dangling is not None:
            raise RuntimeError(
                f"the upgrade would leave rows of {dangling[0]} that point to no {dangling[2]}"
            )
