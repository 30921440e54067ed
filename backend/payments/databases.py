"""The two databases of the payments process: its own, and the field's with almost no rights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, make_url
from uuid_utils.compat import uuid7

from backend.db.engine import make_engine, sqlite_file
from backend.db.sqlite_rights import nothing_but
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.db.upgrade import FIELD as FIELD_CHAIN
from backend.payments.models import CHAIN
from backend.payments.queries.field_side import BADGE_RIGHTS, FIELD
from backend.payments.settings import PaymentsSettings
from backend.settings import SettingsError

POOL = 8


@dataclass(frozen=True)
class TwoSides:
    """Units of work on the ledger, which also sees the field; and on the field, for the badge alone.

    They are two transactions on two connections: what must cross over is an outbox row of the ledger.
    """

    ledger: UnitOfWorkFactory
    field: UnitOfWorkFactory

    def dispose(self) -> None:
        """Close all connections."""
        self.ledger.engine.dispose()
        self.field.engine.dispose()


def open_both(
    settings: PaymentsSettings,
    clock: Callable[[], datetime] | None = None,
    mint_id: Callable[[], UUID] = uuid7,
) -> TwoSides:
    """Open both sides; raises SettingsError when they do not go together."""
    clock = clock or settings.clock
    ledger, field = _ledger_engine(settings), _field_engine(settings)
    return TwoSides(UnitOfWorkFactory(ledger, clock, mint_id), UnitOfWorkFactory(field, clock, mint_id))


def _ledger_engine(settings: PaymentsSettings) -> Engine:
    own, field = make_url(settings.database_url), make_url(settings.field_database_url)
    if own.get_backend_name() != field.get_backend_name():
        raise SettingsError("Both databases must be SQLite files, or the same PostgreSQL database.")
    file = sqlite_file(field) if own.get_backend_name() == "sqlite" else None
    return make_engine(
        settings.database_url,
        pool_size=POOL,
        allow_unsafe=settings.allow_unsafe_database or None,
        search_path=CHAIN.search_path,
        beside={} if file is None else {FIELD: file},
    )


def _field_engine(settings: PaymentsSettings) -> Engine:
    return make_engine(
        settings.field_database_url,
        pool_size=2,
        allow_unsafe=settings.allow_unsafe_database or None,
        search_path=FIELD_CHAIN.search_path,
        rights=nothing_but(BADGE_RIGHTS),
    )
