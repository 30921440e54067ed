"""What is done with media records: register, accept as stored, reject."""

from datetime import datetime
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.attachments.models import Media, MediaExamination
from backend.attachments.queries import examination_of, media_for
from backend.attachments.rules import (
    EXAMINE,
    Findings,
    MediaExamined,
    MediaNotStored,
    MediaRegistered,
    MediaRejected,
    MediaStored,
    check_acceptable,
    next_state,
    place_of,
)
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.visits.field_facts import take_fact
from backend.visits.queries import visit_by_id
from backend.visits.steps import touch_by_work
from media.objects import DeclaredObject
from schemas.attachments import MediaKind, MediaState, PicturesState, ScanResult


@requires("media:register")
def register_media(
    uow: UnitOfWork,
    actor: Actor,
    media_id: UUID | None = None,
    *,
    visit_id: UUID,
    kind: MediaKind,
    sha256: str,
    size: int,
    content_type: str,
    taken_at: datetime | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
    occurred_at: datetime | None = None,
) -> Media:
    """A device says that it holds a file for a visit; a fact, so also taken from whoever had the visit once.

    Raises VisitNotFound, MediaNotAccepted, PlaceIncomplete, IdAlreadyUsed. Tells MediaRegistered.
    """
    declared = DeclaredObject(sha256, size, content_type)
    check_acceptable(kind, content_type, size)
    place = place_of(latitude, longitude)
    content = {
        "visit_id": visit_id,
        "registered_by": actor.user_id,
        "kind": kind,
        "sha256": sha256,
        "size": size,
        "content_type": content_type,
        "place": place,
    }
    if known := created_before(uow, Media, media_id, **content):
        return known
    take_fact(uow, actor, visit_id)
    media = uow.add(
        Media(
            id=media_id or uow.mint_id(),
            taken_at=taken_at or occurred_at or uow.now,
            state=MediaState.EXPECTED,
            object_key=declared.key,
            **content,
        )
    )
    uow.tell(actor, MediaRegistered(media.id, visit_id))
    return media


@requires("media:complete")
def complete_media(
    uow: UnitOfWork, actor: Actor, media_id: UUID, *, rejected_because: str | None = None
) -> Media:
    """Write down what the store was found to hold: the receipt, or why the file is refused and asked for
    again.

    Whoever calls has compared the store with the record (`uploads.finish_upload`). Raises MediaNotFound.
    Tells MediaStored, once, or MediaRejected.
    """
    media = media_for(uow.session, actor, media_id, lock=True)
    if media.state is MediaState.STORED:
        return media
    media.state = next_state(media.state, "reject" if rejected_because else "store")
    media.reason = rejected_because
    if media.state is MediaState.STORED:
        media.stored_at = uow.now
    uow.flush()
    touch_by_work(uow, actor, visit_by_id(uow.session, media.visit_id))
    if media.state is MediaState.STORED:
        _order_examination(uow, media.id)
    fact = MediaStored if media.state is MediaState.STORED else MediaRejected
    uow.tell(actor, fact(media.id, media.visit_id))
    return media


@requires("media:examine")
def examine_media(uow: UnitOfWork, actor: Actor, media_id: UUID) -> MediaExamination:
    """Have a stored medium looked at again: the scanner runs now, or the pictures could not be made.

    Raises MediaNotFound, MediaNotStored.
    """
    media = media_for(uow.session, actor, media_id, lock=True)
    if media.state is not MediaState.STORED:
        raise MediaNotStored("Wait until the device has sent it: its record then says stored.")
    return _order_examination(uow, media_id)


@requires("media:note_examination")
def note_examination(
    uow: UnitOfWork, actor: Actor, media_id: UUID, *, found: Findings
) -> MediaExamination | None:
    """Write down what a worker found in the bytes of a medium, and what it made of them.

    A scan that was not made now leaves what an earlier one said. Tells MediaExamined.
    """
    examination = examination_of(uow.session, media_id, lock=True)
    if examination is None:
        return None
    if found.scan is not ScanResult.UNSCANNED:
        examination.scan, examination.finding = found.scan, found.finding
        examination.scanned_at = uow.now
    examination.pictures, examination.reason = found.pictures, found.reason
    examination.thumbnail_key, examination.copy_key = found.thumbnail_key, found.copy_key
    examination.width, examination.height = found.width, found.height
    examination.examined_at = uow.now
    uow.flush()
    uow.tell(actor, MediaExamined(media_id, media_for(uow.session, actor, media_id).visit_id))
    return examination


def _order_examination(uow: UnitOfWork, media_id: UUID) -> MediaExamination:
    """Ask the worker for it; each order is a message of its own: an earlier one may have been given up."""
    examination = examination_of(uow.session, media_id, lock=True)
    if examination is None:
        examination = uow.add(
            MediaExamination(
                id=uow.mint_id(),
                media_id=media_id,
                scan=ScanResult.UNSCANNED,
                pictures=PicturesState.DUE,
            )
        )
    else:
        examination.pictures, examination.reason = PicturesState.DUE, None
        examination.thumbnail_key = examination.copy_key = None
    uow.flush()
    uow.post(EXAMINE, {}, key=f"{media_id}/{uow.now.isoformat()}")
    return examination
