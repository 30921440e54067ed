"""Media records: what was taken, by whom, for which visit, and whether its bytes are here."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db.base import Record
from backend.db.types import Coordinates
from schemas.attachments import MediaKind, MediaState, PicturesState, ScanResult


class Media(Record):
    """One file. The bytes live in the object store under `object_key`; equal bytes share one object."""

    __tablename__ = "media"
    __table_args__ = (
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("(state = 'stored') = (stored_at IS NOT NULL)", name="stored_at"),
        Index(None, "visit_id"),
        Index(None, "registered_by"),
        Index(None, "object_key"),
    )

    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visits.id"))
    registered_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[MediaKind]
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    content_type: Mapped[str] = mapped_column(String(100))
    taken_at: Mapped[datetime]
    place: Mapped[Coordinates | None]
    state: Mapped[MediaState]
    stored_at: Mapped[datetime | None]
    object_key: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str | None]

    @property
    def latitude(self) -> float | None:
        """Degrees, or None when the device did not know where it was."""
        return None if self.place is None else self.place.latitude

    @property
    def longitude(self) -> float | None:
        """Degrees, or None when the device did not know where it was."""
        return None if self.place is None else self.place.longitude


class MediaExamination(Record):
    """What a worker found in the bytes of a stored file, and the objects it made of them.

    Beside the medium and not in it: devices hold the medium, and none of this is for them.
    """

    __tablename__ = "media_examinations"
    __table_args__ = (
        UniqueConstraint("media_id"),
        CheckConstraint("(scan = 'unscanned') = (scanned_at IS NULL)", name="scanned_at"),
        CheckConstraint("(pictures = 'made') = (copy_key IS NOT NULL)", name="made"),
        Index(None, "pictures"),
        Index(None, "scan"),
    )

    media_id: Mapped[UUID] = mapped_column(ForeignKey("media.id"))
    scan: Mapped[ScanResult]
    scanned_at: Mapped[datetime | None]
    finding: Mapped[str | None]
    pictures: Mapped[PicturesState]
    reason: Mapped[str | None]
    thumbnail_key: Mapped[str | None] = mapped_column(String(100))
    copy_key: Mapped[str | None] = mapped_column(String(100))
    width: Mapped[int | None]
    height: Mapped[int | None]
    examined_at: Mapped[datetime | None]
