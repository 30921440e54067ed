"""Which bytes of a file a customer may see: the copy made of a picture, never what a scanner objects to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from backend.attachments.models import Media, MediaExamination
from backend.attachments.queries import examinations_of
from backend.attachments.rules import STROKES
from media.sniffing import HEIC
from schemas.attachments import PicturesState, ScanResult


@dataclass(frozen=True)
class Shown:
    """What is shown of a medium: the object of that key, or nothing.

    `why_not` says why a file that should be seen is not; None for a type that nobody expects to see.
    """

    key: str | None
    why_not: str | None = None


def shown_of(session: Session, media: Iterable[Media], *, guarded: bool) -> Mapping[UUID, Shown]:
    """What is shown of each of these media; those that are still to be looked at are not in the answer.

    `guarded`: a scanner is to have seen every file.
    """
    listed = list(media)
    examined = examinations_of(session, [medium.id for medium in listed])
    return {
        medium.id: _shown(medium, examined[medium.id])
        for medium in listed
        if medium.id in examined and _is_settled(examined[medium.id], guarded=guarded)
    }


def _is_settled(examination: MediaExamination, *, guarded: bool) -> bool:
    looked_at = examination.pictures is not PicturesState.DUE
    return looked_at and not (guarded and examination.scan is ScanResult.UNSCANNED)


def _shown(medium: Media, examination: MediaExamination) -> Shown:
    if examination.scan is ScanResult.INFECTED:
        return Shown(None, f"a virus scanner found {examination.finding} in it")
    if medium.content_type == STROKES:
        return Shown(medium.object_key)
    if examination.pictures is PicturesState.FAILED:
        heic = medium.content_type == HEIC  # not damaged, only of a kind that nobody here can draw
        return Shown(None, "HEIC photos are kept and not shown" if heic else "no picture can be made of it")
    return Shown(examination.copy_key)
