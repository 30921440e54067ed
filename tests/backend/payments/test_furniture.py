"""The room of payments keeps the habits of the others: permissions, tables, migrations, addresses."""

from __future__ import annotations

import inspect
from pathlib import Path

from alembic.migration import MigrationContext

from backend.app import unwired_app
from backend.db.engine import make_engine
from backend.db.revisions import differences
from backend.db.upgrade import create_all, upgrade
from backend.payments import actions
from backend.payments.desk_routes import desk
from backend.payments.models import CHAIN, LEDGER, METADATAS
from backend.payments.permissions import PERMISSIONS
from backend.payments.routes import finance, webhooks
from backend.web.documents import document_of
from tests.backend.payments.world import Firm
from tests.settings import cheap_settings


def test_every_use_case_of_finance_asks_for_a_permission_and_every_permission_is_asked_for() -> None:
    every = {name: getattr(actions, name) for name in actions.__all__}
    asked = {name: getattr(each, "asks_for", None) for name, each in every.items() if inspect.isroutine(each)}
    assert set(asked.values()) == PERMISSIONS
    declared = (*finance.declared, *desk.declared)
    assert {route.permission for route in declared if not route.permission_free} == PERMISSIONS
    assert all(route.permission or route.permission_free for route in (*declared, *webhooks.declared))


def test_the_migrated_ledger_is_what_the_models_say(firm: Firm, tmp_path: Path) -> None:
    engine = firm.payments.factory.engine
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == "0009"
    if firm.is_postgresql:  # SQLite's inspector would also see the field's file beside it
        with engine.connect() as connection:
            assert differences(connection, METADATAS) == []
        return
    migrated, made = (make_engine(f"sqlite:///{tmp_path / name}.sqlite") for name in ("migrated", "made"))
    upgrade(str(migrated.url), CHAIN)
    create_all(made, (LEDGER,))
    described = []
    for each in (migrated, made):
        with each.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
            )
            described.append([tuple(row) for row in rows])
            assert differences(connection, METADATAS) == []
        each.dispose()
    assert described[0] == described[1]
    assert len(described[0]) > 30


def test_the_field_has_no_address_that_names_money(tmp_path: Path) -> None:
    _, api = unwired_app(cheap_settings("sqlite://", tmp_path))
    paths = document_of(api)["paths"]
    words = ("payment", "refund", "ledger", "invoice", "bank", "/p/", "webhook")
    assert [path for path in paths if any(word in path for word in words)] == []
    ours = {route.rule for route in (*finance.declared, *webhooks.declared)}
    assert not {rule for rule in ours if rule != "/sessions"} & set(paths)
