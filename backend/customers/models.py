"""Tables of customers, sites, assets and entitlements."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.customers.rules import ExternalKeyTaken, SerialNumberTaken
from backend.db.base import Record
from backend.db.integrity import constraint_fact
from backend.db.types import Coordinates
from schemas.customers import EntitlementKind


class Customer(Record):
    """Who asks for work and receives the report; `search_name` is the folded name, for look-ups by prefix."""

    __tablename__ = "customers"
    __table_args__ = (
        Index("ix_customers_search_name", "search_name", postgresql_ops={"search_name": "text_pattern_ops"}),
    )

    name: Mapped[str]
    search_name: Mapped[str]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    language: Mapped[str]
    external_key: Mapped[str | None] = mapped_column(unique=True)
    archived_at: Mapped[datetime | None]


class Site(Record):
    """Where work is done; `external_key` is how an import recognises the place again, unique per customer."""

    __tablename__ = "sites"
    __table_args__ = (
        UniqueConstraint("customer_id", "external_key"),
        CheckConstraint("needs_location = (point IS NULL)", name="needs_location"),
    )

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    name: Mapped[str | None]
    address: Mapped[str]
    postal_code: Mapped[str | None]
    city: Mapped[str | None]
    country: Mapped[str | None]
    point: Mapped[Coordinates | None]
    needs_location: Mapped[bool]
    time_zone: Mapped[str]
    access_hours: Mapped[str | None]
    access_notes: Mapped[str | None]
    external_key: Mapped[str | None]
    archived_at: Mapped[datetime | None]

    @property
    def latitude(self) -> float | None:
        """Degrees, or None while the site needs a location."""
        return None if self.point is None else self.point.latitude

    @property
    def longitude(self) -> float | None:
        """Degrees, or None while the site needs a location."""
        return None if self.point is None else self.point.longitude


class Asset(Record):
    """A thing that is serviced; `customer_id` is always that of its site."""

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("model", "serial_number"),)

    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"), index=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    model: Mapped[str]
    serial_number: Mapped[str | None] = mapped_column(index=True)
    installed_on: Mapped[date | None]
    archived_at: Mapped[datetime | None]


class Entitlement(Record):
    """A right to covered work on an asset, from the first to the last day, both included."""

    __tablename__ = "entitlements"
    __table_args__ = (CheckConstraint("starts_on <= ends_on", name="days_in_order"),)

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("assets.id"), index=True)
    kind: Mapped[EntitlementKind]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    covers: Mapped[str]
    archived_at: Mapped[datetime | None]


constraint_fact(
    "uq_customers_external_key", ExternalKeyTaken, "Find the customer that has this external key and use it."
)
constraint_fact(
    "uq_assets_model_serial_number",
    SerialNumberTaken,
    "Find the asset with this model and serial number, or correct them.",
)
