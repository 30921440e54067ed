"""Tables of technicians: their skills, their shifts, where they start from and where they work."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Record
from backend.db.types import Coordinates, Polygon
from schemas.dispatch import ShiftKind


class Technician(Record):
    """Somebody who goes to customers; the id is that of his or her user. `home` is where the day starts."""

    __tablename__ = "technicians"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, sort_order=-3)
    display_name: Mapped[str]
    phone: Mapped[str | None]
    home: Mapped[Coordinates | None]
    territory: Mapped[tuple[Coordinates, ...] | None] = mapped_column(Polygon())
    time_zone: Mapped[str]
    active: Mapped[bool]

    @property
    def home_latitude(self) -> float | None:
        """Degrees, or None without a home base."""
        return None if self.home is None else self.home.latitude

    @property
    def home_longitude(self) -> float | None:
        """Degrees, or None without a home base."""
        return None if self.home is None else self.home.longitude


class TechnicianSkill(Record):
    """A skill of a technician, at `level` 1…5."""

    __tablename__ = "technician_skills"
    __table_args__ = (
        UniqueConstraint("technician_id", "skill_id"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
    )

    technician_id: Mapped[UUID] = mapped_column(ForeignKey("technicians.id"))
    skill_id: Mapped[UUID] = mapped_column(ForeignKey("skills.id"))
    level: Mapped[int]


class Shift(Record):
    """When a technician works, or (kind leave) does not although a shift says so."""

    __tablename__ = "shifts"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="in_order"),
        Index("ix_shifts_technician_id_starts_at", "technician_id", "starts_at"),
    )

    technician_id: Mapped[UUID] = mapped_column(ForeignKey("technicians.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    kind: Mapped[ShiftKind]
