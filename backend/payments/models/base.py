"""What all tables of the payments side stand on: a history, a schema and an SQLite file of their own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import NAMING_CONVENTION, Base
from backend.db.outbox_message import OutboxMessage
from backend.db.upgrade import Chain

SCHEMA = "payments"
LEDGER = MetaData(naming_convention=NAMING_CONVENTION)
METADATAS = (LEDGER,)
CHAIN = Chain(SCHEMA, versions=Path(__file__).parents[1] / "migrations" / "versions")
"""Read by `python -m backend.db.revisions --of backend.payments.models`."""

OutboxMessage.__table__.to_metadata(LEDGER)  # type: ignore[attr-defined]  # the same outbox, a second time


class LedgerBase(Base):
    """Base of all tables of the payments side."""

    __abstract__ = True
    metadata: ClassVar[MetaData] = LEDGER

    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
