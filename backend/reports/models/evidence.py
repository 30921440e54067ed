"""Tables of what phones signed and what the company sealed: rows are added, none is changed or deleted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Base, Record
from backend.db.ddl import append_only, extra_ddl
from backend.reports.rules import BEGINNING
from schemas.seals import DocumentKind, TimestampState


class DeviceManifest(Base):
    """What a phone signed when it closed a report: both texts to the byte, and the detached JWS."""

    __tablename__ = "device_manifests"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("service_reports.id"), primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("devices.id"), index=True)
    key_name: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    previous_sha256: Mapped[str | None] = mapped_column(String(64))
    manifest: Mapped[str]
    answers: Mapped[str]
    signature: Mapped[str]
    made_at: Mapped[datetime]
    received_at: Mapped[datetime]


class ReportRelease(Base):
    """That the office has a closed report issued without the files that will never come, and why."""

    __tablename__ = "report_releases"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("service_reports.id"), primary_key=True)
    reason: Mapped[str]
    released_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    released_at: Mapped[datetime]


class ReportAddendum(Record):
    """Something said about an issued report afterwards; `number` counts them, from 1."""

    __tablename__ = "report_addenda"
    __table_args__ = (UniqueConstraint("report_id", "number"),)

    report_id: Mapped[UUID] = mapped_column(ForeignKey("service_reports.id"))
    number: Mapped[int]
    text: Mapped[str]
    written_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    sealed_at: Mapped[datetime | None]


class SealedDocument(Base):
    """One link of the chain: a PDF as the company sealed it.

    `number` counts from 1 without a gap. `chain_sha256` is the hash over this link and the one before
    (`rules.seals`), `fingerprint` the short name that is printed on it, `follows_sha256` the document of the
    same report that this one supersedes. `timestamp` is as it was when it was sealed: what was pending then
    may have come since (`DocumentTimestamp`).
    """

    __tablename__ = "sealed_documents"
    __table_args__ = (UniqueConstraint("kind", "subject_id"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[DocumentKind]
    subject_id: Mapped[UUID]
    report_id: Mapped[UUID] = mapped_column(ForeignKey("service_reports.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size: Mapped[int]
    object_key: Mapped[str] = mapped_column(String(100))
    fingerprint: Mapped[str] = mapped_column(String(16), unique=True)
    content_sha256: Mapped[str] = mapped_column(String(64))
    follows_sha256: Mapped[str | None] = mapped_column(String(64))
    previous_chain_sha256: Mapped[str] = mapped_column(String(64))
    chain_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    key_name: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]
    timestamp: Mapped[TimestampState]
    timestamped_at: Mapped[datetime | None]


class DocumentTimestamp(Base):
    """A timestamp (RFC 3161, base64) over a document's SHA-256 that came after its seal."""

    __tablename__ = "document_timestamps"

    number: Mapped[int] = mapped_column(
        ForeignKey("sealed_documents.number"), primary_key=True, autoincrement=False
    )
    token: Mapped[str]
    timestamped_at: Mapped[datetime]


class SealHead(Base):
    """The end of the chain: one row, locked by whoever appends, so that the chain cannot fork."""

    __tablename__ = "seal_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    chain_sha256: Mapped[str] = mapped_column(String(64))


class SealAnchor(Base):
    """That the head was signed and written to the object store: a cut-off tail shows against it."""

    __tablename__ = "seal_anchors"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chain_sha256: Mapped[str] = mapped_column(String(64))
    object_key: Mapped[str] = mapped_column(String(100))
    anchored_at: Mapped[datetime]


for _table in (
    "device_manifests",
    "report_releases",
    "sealed_documents",
    "document_timestamps",
    "seal_anchors",
):
    append_only(Base.metadata, _table)

_HEAD = f"INSERT INTO seal_head (id, number, chain_sha256) VALUES (1, 0, '{BEGINNING}')"  # noqa: S608
extra_ddl(Base.metadata, "sqlite", [_HEAD])
extra_ddl(Base.metadata, "postgresql", [_HEAD])
