"""Tables of conduct rules and steps, service reports and what hangs on them."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Dialect,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    insert,
    literal_column,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base, Record
from backend.db.ddl import extra_ddl
from backend.reports.rules import SEED_RULES
from schemas.attachments import MediaKind
from schemas.conduct import ConductAnswer, ConductPhase, ConductProof
from schemas.reports import Disposition, ReportStatus, SealState, SignerRole


class ConductRule(Record):
    """A rule of conduct: general, or for one work type in place of the general rule of the same code."""

    __tablename__ = "conduct_rules"
    __table_args__ = (
        UniqueConstraint("code", "work_type_id"),
        Index(
            "uq_conduct_rules_general_code",
            "code",
            unique=True,
            sqlite_where=text("work_type_id IS NULL"),
            postgresql_where=text("work_type_id IS NULL"),
        ),
        CheckConstraint("(proof = 'media') = (media_kind IS NOT NULL)", name="media_kind"),
    )

    code: Mapped[str] = mapped_column(String(60))
    work_type_id: Mapped[UUID | None] = mapped_column(ForeignKey("work_types.id"))
    position: Mapped[int]
    phase: Mapped[ConductPhase]
    text: Mapped[str]
    proof: Mapped[ConductProof]
    media_kind: Mapped[MediaKind | None]
    required: Mapped[bool]
    applies: Mapped[bool]


class ConductStep(Record):
    """A rule as it stood when the visit was dispatched, and what became of it there."""

    __tablename__ = "conduct_steps"
    __table_args__ = (
        UniqueConstraint("visit_id", "rule_code"),
        CheckConstraint("(waived_reason IS NULL) = (waiver_media_id IS NULL)", name="waiver"),
    )

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"))
    rule_code: Mapped[str] = mapped_column(String(60))
    position: Mapped[int]
    phase: Mapped[ConductPhase]
    text: Mapped[str]
    proof: Mapped[ConductProof]
    media_kind: Mapped[MediaKind | None]
    required: Mapped[bool]
    answer: Mapped[ConductAnswer | None]
    note: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    waived_reason: Mapped[str | None]
    waiver_media_id: Mapped[UUID | None] = mapped_column(ForeignKey("media.id"))


class ServiceReport(Record):
    """What was found and done, and the customer's answer to it.

    What the phone signed and what the company sealed of it are rows of their own (`models.evidence`).
    """

    __tablename__ = "service_reports"
    __table_args__ = (
        CheckConstraint("(status IN ('draft')) = (frozen_at IS NULL)", name="frozen_at"),
        CheckConstraint("(status IN ('draft', 'frozen')) = (closed_at IS NULL)", name="closed_at"),
        CheckConstraint("(status = 'issued') = (issued_at IS NOT NULL)", name="issued_at"),
        CheckConstraint("media_stored BETWEEN 0 AND media_expected", name="media_stored"),
    )

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"), unique=True)
    status: Mapped[ReportStatus]
    findings: Mapped[str | None]
    work_done: Mapped[str | None]
    signer_name: Mapped[str | None]
    signer_role: Mapped[SignerRole | None]
    signature_media_id: Mapped[UUID | None] = mapped_column(ForeignKey("media.id"))
    refusal_reason: Mapped[str | None]
    absence_reason: Mapped[str | None]
    frozen_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    issued_at: Mapped[datetime | None]
    media_expected: Mapped[int]
    media_stored: Mapped[int]
    seal_state: Mapped[SealState]
    office_reason: Mapped[str | None]


class ReportMedia(Record):
    """One line of a closed report's manifest: a file and the hash it was declared with at closing."""

    __tablename__ = "report_media"
    __table_args__ = (UniqueConstraint("report_id", "media_id"), Index(None, "media_id"))

    report_id: Mapped[UUID] = mapped_column(ForeignKey("service_reports.id"))
    media_id: Mapped[UUID] = mapped_column(ForeignKey("media.id"))
    kind: Mapped[MediaKind]
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]


class ReportCharge(Record):
    """Something the customer is asked to pay for; never what was paid. A withdrawn charge stays as a row."""

    __tablename__ = "report_charges"
    __table_args__ = (
        CheckConstraint("quantity > 0 AND unit_minor >= 0", name="amount"),
        Index(None, "report_id"),
    )

    report_id: Mapped[UUID] = mapped_column(ForeignKey("service_reports.id"))
    description: Mapped[str]
    part_id: Mapped[UUID | None] = mapped_column(ForeignKey("parts.id"))
    quantity: Mapped[int]
    unit_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    approved: Mapped[bool]
    withdrawn_at: Mapped[datetime | None]


class RemovedPart(Record):
    """A part taken out, and what the customer wants done with it."""

    __tablename__ = "removed_parts"
    __table_args__ = (
        CheckConstraint("(disposition IS NULL) = (consented_by IS NULL)", name="consent"),
        Index(None, "visit_id"),
    )

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"))
    name: Mapped[str]
    serial_number: Mapped[str | None]
    disposition: Mapped[Disposition | None]
    consented_by: Mapped[str | None]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    occurred_at: Mapped[datetime]


class FeedbackCard(Record):
    """The card the customer is offered before signing: scores of 1 to 5 and words, or that they declined."""

    __tablename__ = "feedback_cards"
    __table_args__ = tuple(
        CheckConstraint(f"{score} BETWEEN 1 AND 5", name=score)
        for score in ("punctuality", "conduct", "quality", "cleanliness")
    )

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"), unique=True)
    punctuality: Mapped[int | None]
    conduct: Mapped[int | None]
    quality: Mapped[int | None]
    cleanliness: Mapped[int | None]
    words: Mapped[str | None]
    declined: Mapped[bool]
    offered_at: Mapped[datetime | None]


def _seed_statements(dialect: Dialect) -> list[str]:
    rows = [
        {
            **asdict(seed),
            "revision": 1,
            "created_at": literal_column("'2025-01-01T00:00:00.000000Z'"),
            "work_type_id": None,
            "required": True,
            "applies": True,
        }
        for seed in SEED_RULES
    ]
    inserts = (insert(ConductRule).values(row) for row in rows)
    return [str(each.compile(dialect=dialect, compile_kwargs={"literal_binds": True})) for each in inserts]


# The seed comes with the tables, so that no visit is ever dispatched without rules.
extra_ddl(Base.metadata, "sqlite", _seed_statements(sqlite.dialect()))
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this constructor untyped
extra_ddl(Base.metadata, "postgresql", _seed_statements(_POSTGRESQL))
