"""Tables of service requests, of who touched a case, and of the series that numbers are drawn from."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base, Record
from backend.db.ddl import append_only
from backend.db.integrity import constraint_fact
from backend.requests.rules import RequestKeyTaken
from schemas.requests import Channel, Outcome, Priority, RequestStatus, Touch


class ServiceRequest(Record):
    """What a customer asked for, when an answer was promised, and what triage made of it."""

    __tablename__ = "service_requests"
    __table_args__ = (UniqueConstraint("channel", "external_key", name="uq_service_requests_external_key"),)

    number: Mapped[str] = mapped_column(unique=True)
    channel: Mapped[Channel]
    external_key: Mapped[str | None]
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("sites.id"), index=True)
    asset_id: Mapped[UUID | None] = mapped_column(ForeignKey("assets.id"), index=True)
    said: Mapped[str]
    category: Mapped[str | None]
    descriptor: Mapped[str | None]
    priority: Mapped[Priority]
    received_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    first_response_due_at: Mapped[datetime] = mapped_column(index=True)
    responded_at: Mapped[datetime | None]
    status: Mapped[RequestStatus] = mapped_column(index=True)
    outcome: Mapped[Outcome | None]
    outcome_reason: Mapped[str | None]
    needs_location: Mapped[bool]
    taken_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    triaged_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    triaged_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class CaseTouch(Record):
    """A user had the case in hand; a trigger of aftercare reads it to keep callbacks independent.

    `case_id` is the id of the request, or of the work order that was opened without one.
    """

    __tablename__ = "case_touches"
    __table_args__ = (UniqueConstraint("case_id", "user_id", "how", name="uq_case_touches_once"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    how: Mapped[Touch]
    case_id: Mapped[UUID]


class RequestDecision(Record):
    """What was decided about a request, by whom and why, once and for ever; the request shows the last."""

    __tablename__ = "request_decisions"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("service_requests.id"), index=True)
    name: Mapped[str]
    outcome: Mapped[Outcome | None]
    reason: Mapped[str | None]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))


class NumberSeries(Base):
    """The last number drawn of a series; drawing locks the row until the transaction ends: no gaps."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


append_only(Base.metadata, "request_decisions")

constraint_fact(
    "uq_service_requests_external_key",
    RequestKeyTaken,
    "Find the request with this channel and external key.",
)
