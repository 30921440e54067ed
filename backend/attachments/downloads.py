"""Stored bytes on their way out: only what was looked at, only to be saved, past us where possible."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from mimetypes import guess_extension
from uuid import UUID

from backend.access.actor import Actor
from backend.attachments.models import Media, MediaExamination
from backend.attachments.queries import examination_of, media_for
from backend.attachments.rules import MediaNotStored, PicturesMissing, check_servable
from backend.db.unit_of_work import UnitOfWorkFactory
from media.objects import ObjectStore
from media.s3 import S3Store
from media.sniffing import JPEG
from media.uploads import chunks_of
from schemas.attachments import MediaState, PicturesState, ScanResult


class Rendition(StrEnum):
    """Which bytes of a medium: those that were sent, or a picture made of them without what they tell."""

    ORIGINAL = "original"
    THUMBNAIL = "thumbnail"
    COPY = "copy"


@dataclass(frozen=True)
class Download:
    """A file to save: at an `address` of the store, or here in `chunks`; close `files` afterwards."""

    name: str
    content_type: str
    address: str | None
    chunks: Iterator[bytes]
    files: ExitStack


def open_download(
    factory: UnitOfWorkFactory,
    store: ObjectStore,
    actor: Actor,
    media_id: UUID,
    rendition: Rendition,
    *,
    guarded: bool,
) -> Download:
    """One rendition of a stored medium; `guarded` when a scanner is to see every file first.

    Raises MediaNotFound, MediaNotStored, MediaQuarantined, MediaNotScanned, PicturesMissing, UploadMissing.
    """
    with factory.begin(write=False) as uow:
        media = media_for(uow.session, actor, media_id)
        examination = examination_of(uow.session, media_id)
    if media.state is not MediaState.STORED:
        raise MediaNotStored("Wait until the device has sent it: its record then says stored.")
    scan = ScanResult.UNSCANNED if examination is None else examination.scan
    check_servable(scan, None if examination is None else examination.finding, guarded=guarded)
    original = rendition is Rendition.ORIGINAL
    key = media.object_key if original else _picture_key(examination, rendition)
    content_type = media.content_type if original else JPEG
    name = _name_of(media, rendition, content_type)
    files = ExitStack()
    if isinstance(store, S3Store):
        address = store.presign_get(key, name=name, content_type=content_type)
        return Download(name, content_type, address, iter(()), files)
    file = files.enter_context(store.open(key))
    return Download(name, content_type, None, chunks_of(file), files)


def _picture_key(examination: MediaExamination | None, rendition: Rendition) -> str:
    if examination is None or examination.pictures is PicturesState.DUE:
        raise PicturesMissing("It is being made. Ask again in a moment.")
    key = examination.thumbnail_key if rendition is Rendition.THUMBNAIL else examination.copy_key
    if key is None:
        raise PicturesMissing(examination.reason or "There are pictures of photos only.")
    return key


def _name_of(media: Media, rendition: Rendition, content_type: str) -> str:
    suffix = "" if rendition is Rendition.ORIGINAL else f"-{rendition}"
    return f"{media.kind}-{media.id}{suffix}{guess_extension(content_type) or ''}"
