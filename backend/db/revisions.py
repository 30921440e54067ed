"""Writes migrations from the models of all rooms, and tells models and databases apart.

A migration must keep meaning what it meant on the day it was written, so it uses no class of ours: types
are written out for both engines, and what rooms declare by `extra_ddl` is copied into the first one. Later
changes to such text, and the moving of data, are written by hand. On SQLite a changed table is rebuilt,
which drops its triggers: the migration makes them again. The next one is written by

    python -m backend.db.revisions "what it is for" --database postgresql://…/an_empty_database

which upgrades that database and compares it with the models (those of payments: `--of
backend.payments.models`). Read what it wrote, then run the tests: they compare the migrated databases of
both engines with the models, triggers and all.
"""

import argparse
import pkgutil
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations import ops
from alembic.script import Script, ScriptDirectory

import backend
from backend.db.base import Base
from backend.db.ddl import extra_ddl_of
from backend.db.engine import make_engine
from backend.db.types import Instant, Point, Polygon
from backend.db.upgrade import FIELD, Chain, alembic_config, prepare_database, upgrade
from sync.models import METADATA as SYNC
from sync.models import UtcInstant

SHAPE = 'Geography("{}", srid=4326, spatial_index=False).with_variant(sa.LargeBinary(), "sqlite")'


_PIECE = re.compile(r".{1,80}(?:\s+|$)|\S+\s*")


class RunOn(ops.MigrateOperation):
    """A statement for one engine, as text."""

    def __init__(self, engine: str, statement: str) -> None:
        self.engine = engine
        self.statement = statement


@renderers.dispatch_for(RunOn)
def _render_run_on(_context: AutogenContext, run: RunOn) -> str:
    # pieces of one string, which the formatter puts under each other
    pieces = _PIECE.findall(run.statement)
    assert "".join(pieces) == run.statement
    return f"on({run.engine!r}, {' '.join(map(repr, pieces))})"


def all_metadata() -> list[sa.MetaData]:
    """The tables of all rooms (their models are imported now) and of the sync engine."""
    for module in pkgutil.walk_packages(backend.__path__, "backend."):
        if module.name.endswith(".models"):
            import_module(module.name)
    return [Base.metadata, SYNC]


def differences(connection: sa.Connection, metadatas: Sequence[sa.MetaData] | None = None) -> list[Any]:
    """What a migration would have to change in this database to make it what the models say."""
    context = MigrationContext.configure(connection, opts=comparison_options())
    every: Any = metadatas or all_metadata()  # a list is fine, only the annotation does not know it
    return list(compare_metadata(context, every))


def write_revision(
    connection: sa.Connection,
    message: str,
    chain: Chain = FIELD,
    metadatas: Sequence[sa.MetaData] | None = None,
) -> Path:
    """Write the next migration: from this upgraded PostgreSQL database to the models. Returns its path."""
    metadatas = metadatas or all_metadata()
    config = alembic_config(connection, chain)
    config.attributes["metadatas"] = metadatas
    config.set_section_option("post_write_hooks", "hooks", "sort, format")
    for hook, options in (("sort", "check --quiet --select I --fix"), ("format", "format --quiet")):
        config.set_section_option("post_write_hooks", f"{hook}.type", "module")
        config.set_section_option("post_write_hooks", f"{hook}.module", "ruff")
        config.set_section_option(
            "post_write_hooks", f"{hook}.options", f"{options} REVISION_SCRIPT_FILENAME"
        )
    known = list(ScriptDirectory.from_config(config).walk_revisions())

    config.attributes["rebuilds_tables"] = bool(known)

    def finish(_context: object, _revision: object, scripts: list[ops.MigrationScript]) -> None:
        upgrade_ops = scripts[0].upgrade_ops
        assert upgrade_ops is not None
        if not known:
            upgrade_ops.ops.extend(_extra_statements(metadatas))
        scripts[0].downgrade_ops = ops.DowngradeOps([])

    script = command.revision(
        config, message, autogenerate=True, rev_id=f"{len(known) + 1:04}", process_revision_directives=finish
    )
    assert isinstance(script, Script)
    return Path(script.path)


def comparison_options(*, rebuilds_tables: bool = False) -> dict[str, Any]:
    """How Alembic compares and writes: used by the migrations' env.py and by `differences`.

    `rebuilds_tables`: write changes of tables as batches, without which SQLite cannot follow.
    """
    return {
        "compare_type": True,
        "render_as_batch": rebuilds_tables,
        "include_object": _is_ours,
        "render_item": _render_type,
        "user_module_prefix": "sa.",
    }


def _is_ours(thing: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
    if kind == "index" and reflected and isinstance(thing, sa.Index):
        # of shapes and of exclusion constraints: both come by `extra_ddl`, as neither exists on SQLite
        return bool(thing.dialect_options["postgresql"]["using"] != "gist")
    return name != "spatial_ref_sys"


def _render_type(kind: str, item: object, context: AutogenContext) -> str | bool:
    """Our own types, written out so that a migration does not change with them; False: as Alembic does."""
    if kind != "type":
        return False
    if isinstance(item, Instant | UtcInstant):
        return "INSTANT"  # as script.py.mako declares it
    if isinstance(item, Point | Polygon):
        context.imports.add("from geoalchemy2 import Geography")
        return SHAPE.format("POINT" if isinstance(item, Point) else "POLYGON")
    if isinstance(item, sa.Enum):
        return f"sa.String({item.length})"
    if isinstance(item, sa.JSON):
        return "DOCUMENT"
    return False


def _extra_statements(metadatas: Sequence[sa.MetaData]) -> Iterable[RunOn]:
    for engine in ("sqlite", "postgresql"):
        for metadata in metadatas:
            for statement in extra_ddl_of(metadata, engine):
                yield RunOn(engine, statement)


def main() -> None:
    """The command line of a maintainer who changed models."""
    parser = argparse.ArgumentParser(description="Write the next migration from the models.")
    parser.add_argument("message", help="what it is for: becomes its name and its first line")
    parser.add_argument("--database", required=True, help="the URL of an empty PostgreSQL database")
    parser.add_argument("--of", metavar="MODULE", help="models with a history of their own: CHAIN, METADATAS")
    given = parser.parse_args()
    models = import_module(given.of) if given.of else None
    chain, metadatas = (models.CHAIN, models.METADATAS) if models else (FIELD, all_metadata())
    upgrade(given.database, chain)
    engine = make_engine(given.database, search_path=chain.search_path)
    with engine.begin() as connection:
        prepare_database(connection, chain)
    with engine.connect() as connection:
        path = write_revision(connection, given.message, chain, metadatas)
    engine.dispose()
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
