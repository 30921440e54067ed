"""Tables that exist for these tests only, in a MetaData of their own so that no migration sees them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import NAMING_CONVENTION, Record
from backend.db.ddl import append_only
from backend.db.types import Coordinates, JsonDocument, Polygon

HEAVY = text("weight > 1000")
PROBES = MetaData(naming_convention=NAMING_CONVENTION)


class Probe(Record):
    """Base of the tables here."""

    __abstract__ = True
    metadata = PROBES


class Mood(StrEnum):
    GOOD = "quite-good"
    BAD = "bad"


class Parcel(Probe):
    __tablename__ = "parcels"

    name: Mapped[str]
    weight: Mapped[int] = mapped_column(default=1)
    mood: Mapped[Mood] = mapped_column(default=Mood.GOOD)
    packed_at: Mapped[datetime | None]
    place: Mapped[Coordinates | None]
    area: Mapped[tuple[Coordinates, ...] | None] = mapped_column(Polygon)
    papers: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)

    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("weight > 0", name="weight_positive"),
        Index("uq_parcels_heavy", "weight", unique=True, postgresql_where=HEAVY, sqlite_where=HEAVY),
    )


class Label(Probe):
    __tablename__ = "labels"

    parcel_id: Mapped[UUID] = mapped_column(ForeignKey("parcels.id"))
    words: Mapped[str]


append_only(PROBES, "labels")
