"""Tables of the catalogue, kits, checklists, part usages and van stock."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base, Record
from backend.db.ddl import append_only
from backend.db.integrity import constraint_fact
from backend.parts.rules import KitNameTaken, PartRepeated, SkuTaken
from schemas.parts import MovementReason, PartKind, UsageDirection


class Part(Record):
    """A part or tool of the catalogue; never deleted, only archived, because facts name it."""

    __tablename__ = "parts"
    __table_args__ = (
        CheckConstraint("(price_minor IS NULL) = (currency IS NULL)", name="price_with_currency"),
        Index("ix_parts_search_name", "search_name", postgresql_ops={"search_name": "text_pattern_ops"}),
    )

    sku: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    search_name: Mapped[str]
    unit: Mapped[str]
    kind: Mapped[PartKind]
    price_minor: Mapped[int | None]
    currency: Mapped[str | None]
    archived_at: Mapped[datetime | None]


class Kit(Record):
    """A named set of parts and tools that a type of work needs."""

    __tablename__ = "kits"

    name: Mapped[str] = mapped_column(unique=True)
    archived_at: Mapped[datetime | None]


class KitLine(Record):
    """How many of one part a kit holds."""

    __tablename__ = "kit_lines"
    __table_args__ = (
        UniqueConstraint("kit_id", "part_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
    )

    kit_id: Mapped[UUID] = mapped_column(ForeignKey("kits.id"))
    part_id: Mapped[UUID] = mapped_column(ForeignKey("parts.id"), index=True)
    quantity: Mapped[int]
    required: Mapped[bool]


class ChecklistItem(Record):
    """One part or tool of one visit; name and kind are those of the part when the line was made."""

    __tablename__ = "checklist_items"
    __table_args__ = (
        UniqueConstraint("visit_id", "part_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("packed OR NOT verified", name="verified_is_packed"),
    )

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"))
    part_id: Mapped[UUID] = mapped_column(ForeignKey("parts.id"), index=True)
    name: Mapped[str]
    kind: Mapped[PartKind]
    quantity: Mapped[int]
    required: Mapped[bool]
    packed: Mapped[bool]
    verified: Mapped[bool]
    quantity_used: Mapped[int]
    quantity_returned: Mapped[int]


class PartUsage(Record):
    """A fact: written once, never changed."""

    __tablename__ = "part_usages"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"), index=True)
    part_id: Mapped[UUID] = mapped_column(ForeignKey("parts.id"), index=True)
    checklist_item_id: Mapped[UUID | None] = mapped_column(ForeignKey("checklist_items.id"))
    direction: Mapped[UsageDirection]
    quantity: Mapped[int]
    serial_number: Mapped[str | None]
    used_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    occurred_at: Mapped[datetime]


class VanStock(Record):
    """The sum of a van's stock movements for one part."""

    __tablename__ = "van_stock"
    __table_args__ = (UniqueConstraint("technician_id", "part_id"),)

    technician_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    part_id: Mapped[UUID] = mapped_column(ForeignKey("parts.id"), index=True)
    quantity: Mapped[int]


class StockMovement(Record):
    """A fact: a van's stock of one part changed by a signed amount."""

    __tablename__ = "stock_movements"
    __table_args__ = (CheckConstraint("quantity_delta <> 0", name="quantity_moved"),)

    technician_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    part_id: Mapped[UUID] = mapped_column(ForeignKey("parts.id"), index=True)
    quantity_delta: Mapped[int]
    reason: Mapped[MovementReason]
    note: Mapped[str | None]
    part_usage_id: Mapped[UUID | None] = mapped_column(ForeignKey("part_usages.id"), unique=True)
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    occurred_at: Mapped[datetime]


append_only(Base.metadata, "part_usages")
append_only(Base.metadata, "stock_movements")

constraint_fact("uq_parts_sku", SkuTaken, "Find the part that has this stock number and use it.")
constraint_fact("uq_kits_name", KitNameTaken, "Choose another name, or edit the kit that has it.")
constraint_fact("uq_kit_lines_kit_id_part_id", PartRepeated, "Name each part once, with its quantity.")
constraint_fact(
    "uq_checklist_items_visit_id_part_id",
    PartRepeated,
    "Change the line that is there instead of adding one.",
)
