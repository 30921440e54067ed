"""Tables of work types, work orders, visits and everything that is recorded about a visit."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base, Record
from backend.db.ddl import append_only, extra_ddl
from backend.db.integrity import constraint_fact
from backend.visits.rules import OPEN, CodeTaken, RequestHasWorkOrder, VisitWindowTaken
from schemas.access import Role
from schemas.requests import Priority
from schemas.visits import Confirmation, OfferState, PaymentBadgeState, VisitStatus, WorkOrderStatus


class Skill(Record):
    """Something a technician can be good at; `code` is its name in lists, such as `gas-boilers`."""

    __tablename__ = "skills"

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class WorkType(Record):
    """A template of work: how long it takes, which skills it needs, which kit goes into the van."""

    __tablename__ = "work_types"
    __table_args__ = (CheckConstraint("duration_minutes BETWEEN 1 AND 1440", name="duration"),)

    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    duration_minutes: Mapped[int]
    kit_id: Mapped[UUID | None] = mapped_column(ForeignKey("kits.id"))
    instructions: Mapped[str | None]
    archived_at: Mapped[datetime | None]


class WorkTypeSkill(Record):
    """A skill that a work type needs, at least at `level` 1…5."""

    __tablename__ = "work_type_skills"
    __table_args__ = (
        UniqueConstraint("work_type_id", "skill_id"),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
    )

    work_type_id: Mapped[UUID] = mapped_column(ForeignKey("work_types.id"))
    skill_id: Mapped[UUID] = mapped_column(ForeignKey("skills.id"))
    level: Mapped[int]


class WorkOrder(Record):
    """A job to finish, in one visit or several. `status` always is `rules.derive_status` of its visits."""

    __tablename__ = "work_orders"
    __table_args__ = (
        CheckConstraint("earliest_start < due", name="limits_in_order"),
        Index(None, "site_id"),
        Index(None, "customer_id"),
        Index(None, "asset_id"),
        Index(None, "status"),
    )

    number: Mapped[str] = mapped_column(unique=True)
    # One request opens one work order: telling the same triage twice must not open two.
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("service_requests.id"), unique=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    asset_id: Mapped[UUID | None] = mapped_column(ForeignKey("assets.id"))
    work_type_id: Mapped[UUID] = mapped_column(ForeignKey("work_types.id"))
    status: Mapped[WorkOrderStatus]
    summary: Mapped[str]
    priority: Mapped[Priority]
    earliest_start: Mapped[datetime | None]
    due: Mapped[datetime | None]


class Visit(Record):
    """One trip to a customer's door.

    Four times stay apart: the arrival window is what the customer was promised, `scheduled_*` what we plan
    inside it, the work order's limits what must hold, and `en_route_at` … `finished_at` what happened (a
    device's clock). `number` counts the visits of a work order, `window_version` the windows promised for
    this visit (0: none yet).
    """

    __tablename__ = "visits"
    __table_args__ = (
        UniqueConstraint("work_order_id", "number"),
        CheckConstraint(
            "(arrival_window_start IS NULL) = (arrival_window_end IS NULL)", name="arrival_window_whole"
        ),
        CheckConstraint("arrival_window_start < arrival_window_end", name="arrival_window_in_order"),
        CheckConstraint("(scheduled_start IS NULL) = (scheduled_end IS NULL)", name="plan_whole"),
        CheckConstraint("scheduled_start < scheduled_end", name="plan_in_order"),
        CheckConstraint("technician_id IS NULL OR scheduled_start IS NOT NULL", name="assigned_has_plan"),
        CheckConstraint(
            "confirmation <> 'confirmed' OR coalesce(confirmed_window_version, 0) = window_version",
            name="confirmation_of_present_window",
        ),
        Index("ix_visits_technician_id_scheduled_start", "technician_id", "scheduled_start"),
        Index("ix_visits_scheduled_start", "scheduled_start"),
    )

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"))
    number: Mapped[int]
    technician_id: Mapped[UUID | None] = mapped_column(ForeignKey("technicians.id"))
    status: Mapped[VisitStatus]
    time_zone: Mapped[str]
    duration_minutes: Mapped[int]
    arrival_window_start: Mapped[datetime | None]
    arrival_window_end: Mapped[datetime | None]
    window_version: Mapped[int]
    scheduled_start: Mapped[datetime | None]
    scheduled_end: Mapped[datetime | None]
    confirmation: Mapped[Confirmation]
    confirmed_window_version: Mapped[int | None]
    dispatched_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    en_route_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    dispatch_override_reason: Mapped[str | None]


class WindowOffer(Record):
    """An arrival window the customer may pick instead of the present one."""

    __tablename__ = "window_offers"
    __table_args__ = (CheckConstraint("starts_at < ends_at", name="in_order"),)

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    state: Mapped[OfferState]


class VisitEvent(Record):
    """What happened to a visit, once and for ever: every transition, late report, plan and change of hands.

    `occurred_at` is when it happened by the clock of whoever says so, `created_at` when the server was told.
    """

    __tablename__ = "visit_events"
    __table_args__ = (Index("ix_visit_events_visit_id_created_at", "visit_id", "created_at"),)

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"))
    name: Mapped[str]
    from_status: Mapped[VisitStatus | None]
    to_status: Mapped[VisitStatus]
    actor_id: Mapped[UUID]
    actor_role: Mapped[Role]
    device_id: Mapped[UUID | None]
    technician_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    reason: Mapped[str | None]
    window_version: Mapped[int]
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]


class VisitAssignment(Base):
    """Who had a visit from when until when (None: has it now). Whoever ever had it may bring in facts
    about it."""

    __tablename__ = "visit_assignments"
    __table_args__ = (
        Index(
            "uq_visit_assignments_visit_id_current",
            "visit_id",
            unique=True,
            postgresql_where=text("assigned_until IS NULL"),
            sqlite_where=text("assigned_until IS NULL"),
        ),
        Index("ix_visit_assignments_technician_id_visit_id", "technician_id", "visit_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"))
    technician_id: Mapped[UUID] = mapped_column(ForeignKey("technicians.id"))
    assigned_from: Mapped[datetime]
    assigned_until: Mapped[datetime | None]


class VisitNote(Record):
    """Something somebody wrote down about a visit."""

    __tablename__ = "visit_notes"

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"), index=True)
    author_id: Mapped[UUID]
    text: Mapped[str]
    occurred_at: Mapped[datetime]


class ConfirmationLink(Record):
    """A key to one visit for its customer. Only the SHA-256 of the token is kept."""

    __tablename__ = "confirmation_links"

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"), index=True)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class PaymentBadge(Record):
    """Whether the company was paid for a work order: all the field ever learns about money. Only the
    payments process writes it."""

    __tablename__ = "payment_badges"

    work_order_id: Mapped[UUID] = mapped_column(ForeignKey("work_orders.id"), unique=True)
    state: Mapped[PaymentBadgeState]


append_only(Base.metadata, "visit_events")

constraint_fact(
    "ex_visits_technician_overlap", VisitWindowTaken, "Choose another time or another technician."
)
constraint_fact("uq_skills_code", CodeTaken)
constraint_fact("uq_work_types_code", CodeTaken)
constraint_fact(
    "uq_work_orders_request_id", RequestHasWorkOrder, "Book another visit for the work order it has."
)

_OPEN_STATUSES = ", ".join(f"'{status.value}'" for status in sorted(OPEN))

# A visit that has ended or was cancelled no longer occupies anybody: who finishes early is free early.
extra_ddl(
    Base.metadata,
    "postgresql",
    [
        "CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public",
        "ALTER TABLE visits ADD CONSTRAINT ex_visits_technician_overlap EXCLUDE USING gist "
        "(technician_id WITH =, tstzrange(scheduled_start, scheduled_end) WITH &&) "
        f"WHERE (technician_id IS NOT NULL AND status IN ({_OPEN_STATUSES}))",
    ],
)


def _overlap_trigger(verb: str) -> str:
    # Instants are text of fixed width on SQLite: comparing text compares time. BEGIN IMMEDIATE leaves no
    # race.
    return (
        f"CREATE TRIGGER ex_visits_technician_overlap_{verb.split()[0].lower()} BEFORE {verb} ON visits "  # noqa: S608
        f"WHEN NEW.technician_id IS NOT NULL AND NEW.status IN ({_OPEN_STATUSES}) "
        "AND EXISTS (SELECT 1 FROM visits AS other WHERE other.technician_id = NEW.technician_id "
        f"AND other.id <> NEW.id AND other.status IN ({_OPEN_STATUSES}) "
        "AND other.scheduled_start < NEW.scheduled_end AND NEW.scheduled_start < other.scheduled_end) "
        "BEGIN SELECT RAISE(ABORT, 'constraint:ex_visits_technician_overlap'); END"
    )


extra_ddl(
    Base.metadata,
    "sqlite",
    [
        _overlap_trigger("INSERT"),
        _overlap_trigger("UPDATE OF technician_id, status, scheduled_start, scheduled_end"),
    ],
)
