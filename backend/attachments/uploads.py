"""The upload contract over media records. Bytes flow between transactions, never inside one."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import check
from backend.attachments.actions import complete_media
from backend.attachments.models import Media
from backend.attachments.queries import may_have_bytes, media_for
from backend.attachments.rules import (
    LARGEST_STROKE_FILE,
    STROKES,
    StrokesUnreadable,
    check_strokes,
)
from backend.db.unit_of_work import UnitOfWorkFactory
from media.disk import DiskStore
from media.errors import UploadLinkInvalid, UploadMissing, UploadRefused
from media.objects import DeclaredObject, ObjectStore
from media.uploads import (
    Readable,
    UploadTicket,
    begin_upload,
    confirm_upload,
    receive_upload,
)


def offer_upload(
    factory: UnitOfWorkFactory,
    store: ObjectStore,
    actor: Actor,
    media_id: UUID,
    *,
    part_hashes: Sequence[str] = (),
) -> UploadTicket:
    """How to send the bytes of a medium, or that they are here already, in a medium that `actor` sees.

    Raises MediaNotFound, PartsUndeclared, StorageUnavailable.
    """
    check(actor, "media:upload")
    media, known = _read(factory, actor, media_id)
    return begin_upload(store, _declared(media), part_hashes, now=factory.clock(), known=known)


def take_upload(
    factory: UnitOfWorkFactory,
    store: ObjectStore,
    key: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: Readable,
) -> None:
    """Receive the bytes for which an address was signed; who holds the address may. Changes no record.

    Raises UploadLinkInvalid, UploadLinkExpired, UploadRefused, StorageFull.
    """
    if not isinstance(store, DiskStore):
        raise UploadLinkInvalid("This server takes no uploads itself. Ask for a new upload address.")
    receive_upload(store, key, query, headers, body, now=factory.clock())


def finish_upload(factory: UnitOfWorkFactory, store: ObjectStore, actor: Actor, media_id: UUID) -> Media:
    """Compare the store with what the record declares and write the result down: `stored`, or `rejected` and
    why.

    Raises MediaNotFound; UploadMissing while nothing whole has arrived (the record stays as it is).
    """
    check(actor, "media:complete")
    media, known = _read(factory, actor, media_id)
    try:
        reason = _fault(store, media, known=known)
    except UploadMissing:
        # Two media with the same bytes may be sent at once: whoever completes the first completes both.
        if known or not _read(factory, actor, media_id)[1]:
            raise
        reason = _fault(store, media, known=True)
    with factory.begin() as uow:
        return complete_media(uow, actor, media_id, rejected_because=reason)


def _read(factory: UnitOfWorkFactory, actor: Actor, media_id: UUID) -> tuple[Media, bool]:
    """The medium, and whether the actor may have its bytes anyway."""
    with factory.begin(write=False) as uow:
        media = media_for(uow.session, actor, media_id)
        return media, may_have_bytes(uow.session, actor, media)


def _declared(media: Media) -> DeclaredObject:
    return DeclaredObject(media.sha256, media.size, media.content_type, media.registered_by.hex)


def _fault(store: ObjectStore, media: Media, *, known: bool) -> str | None:
    """Why the stored bytes cannot be what was declared; None when they are. Raises UploadMissing."""
    try:
        confirm_upload(store, _declared(media), known=known)
        if media.content_type == STROKES:
            with store.open(media.object_key) as file:
                check_strokes(file.read(LARGEST_STROKE_FILE + 1))
    except (UploadRefused, StrokesUnreadable) as refusal:
        return f"{refusal.title} {refusal.detail}"
    return None
