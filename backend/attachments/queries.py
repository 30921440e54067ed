"""All reading of media records, and who may see which."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.reach import Reach, assigned_visits, narrowed
from backend.attachments.models import Media, MediaExamination
from backend.attachments.rules import MediaNotFound
from backend.db.lookup import locked, one_row
from backend.db.paging import Page, PageRequest, fetch_page
from schemas.attachments import MediaState, PicturesState, ScanResult

MOST_AT_ONCE = 10_000


def _media_of(reach: Reach) -> ColumnElement[bool]:
    return or_(Media.visit_id.in_(assigned_visits(reach)), Media.registered_by == reach.technician_id)


def media_visible_to(actor: Actor) -> Select[Media]:
    """The office sees all media; a technician those of his visits, and his own wherever the visit went."""
    return narrowed(select(Media), actor, _media_of)


def media_for(session: Session, actor: Actor, media_id: UUID, *, lock: bool = False) -> Media:
    """That medium; raises MediaNotFound when there is none that `actor` may see.

    `lock` holds the row to the end.
    """
    statement = media_visible_to(actor).where(Media.id == media_id)
    return one_row(session, locked(statement) if lock else statement, MediaNotFound)


def may_have_bytes(session: Session, actor: Actor, media: Media) -> bool:
    """Whether `actor` may have the bytes that this medium declares, although he only knows their hash.

    They are stored as one that he sees, or as nobody's: after a restored backup the store has files of which
    no row tells any more, and phones let go of them on the receipt that was restored away. Somebody's are
    also those that another registered before: his upload may be completed in this moment.
    """
    same = Media.object_key == media.object_key
    stored = same & (Media.state == MediaState.STORED)
    if session.scalars(media_visible_to(actor).where(stored).limit(1)).one_or_none() is not None:
        return True
    # Of these bytes only: of all that somebody may see, in years, it would be a long list.
    unseen = Media.id.not_in(media_visible_to(actor).where(same).with_only_columns(Media.id))
    before = same & (Media.created_at <= media.created_at) & unseen
    return session.scalars(select(Media.id).where(stored | before).limit(1)).one_or_none() is None


def list_media(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    visit_id: UUID | None = None,
    state: MediaState | None = None,
) -> Page[Media]:
    """Visible media of a visit, in a state."""
    statement = media_visible_to(actor)
    if visit_id is not None:
        statement = statement.where(Media.visit_id == visit_id)
    if state is not None:
        statement = statement.where(Media.state == state)
    return fetch_page(session, statement, page, key=Media.id)


def media_of_visit(session: Session, visit_id: UUID) -> Sequence[Media]:
    """All media that belong to a visit, oldest first, whoever asks: for rooms that judge the visit."""
    statement = select(Media).where(Media.visit_id == visit_id).order_by(Media.id)
    # The session of a long push may have read a row before its file arrived.
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def media_states(session: Session, media_ids: Sequence[UUID]) -> Mapping[UUID, MediaState]:
    """How far each of these media is, whoever asks."""
    rows = session.execute(select(Media.id, Media.state).where(Media.id.in_(media_ids)))
    return {row.id: row.state for row in rows}


def media_reasons(session: Session, media_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """Why those of these media that were rejected were, whoever asks."""
    rows = session.execute(select(Media.id, Media.reason).where(Media.id.in_(media_ids)))
    return {row.id: row.reason for row in rows if row.reason is not None}


def examination_of(session: Session, media_id: UUID, *, lock: bool = False) -> MediaExamination | None:
    """What was found in a stored medium, whoever asks; None for one that was never to be examined."""
    statement = select(MediaExamination).where(MediaExamination.media_id == media_id)
    return session.scalars(locked(statement) if lock else statement).one_or_none()


def examinations_of(session: Session, media_ids: Iterable[UUID]) -> Mapping[UUID, MediaExamination]:
    """What was found in these media, as far as they are stored, whoever asks."""
    statement = select(MediaExamination).where(MediaExamination.media_id.in_(list(media_ids)))
    rows = session.scalars(statement.execution_options(populate_existing=True))
    return {row.media_id: row for row in rows}


def media_scans(session: Session, media_ids: Iterable[UUID]) -> Mapping[UUID, ScanResult]:
    """What a scanner said of each of these media; `unscanned` is also what has not arrived."""
    examined = examinations_of(session, wanted := list(media_ids))
    unscanned = ScanResult.UNSCANNED
    return {each: examined[each].scan if each in examined else unscanned for each in wanted}


def unexamined_among(session: Session, media_ids: Iterable[UUID]) -> Sequence[UUID]:
    """Which of these media nobody has looked at yet, or not since somebody asked for it."""
    examined = examinations_of(session, wanted := list(media_ids))
    due = [None if each not in examined else examined[each].pictures for each in wanted]
    return [each for each, state in zip(wanted, due, strict=True) if state in (None, PicturesState.DUE)]


def list_examinations(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    media_id: UUID | None = None,
    scan: ScanResult | None = None,
    pictures: PicturesState | None = None,
) -> Page[MediaExamination]:
    """Examinations of visible media, oldest first: of one, with this result, in this state."""
    visible = media_visible_to(actor).with_only_columns(Media.id)
    statement = select(MediaExamination).where(MediaExamination.media_id.in_(visible))
    if media_id is not None:
        statement = statement.where(MediaExamination.media_id == media_id)
    if scan is not None:
        statement = statement.where(MediaExamination.scan == scan)
    if pictures is not None:
        statement = statement.where(MediaExamination.pictures == pictures)
    return fetch_page(session, statement, page, key=MediaExamination.id)


def media_to_examine(
    session: Session, *, failed: bool, unscanned: bool, most: int = MOST_AT_ONCE
) -> Sequence[UUID]:
    """Stored media that nobody has examined; with `failed` also those without pictures for a reason, with
    `unscanned` those that no scanner has seen."""
    wanted: list[ColumnElement[bool]] = [MediaExamination.id.is_(None)]
    if failed:
        wanted.append(MediaExamination.pictures == PicturesState.FAILED)
    if unscanned:
        wanted.append(MediaExamination.scan == ScanResult.UNSCANNED)
    statement = (
        select(Media.id)
        .outerjoin(MediaExamination, MediaExamination.media_id == Media.id)
        .where(Media.state == MediaState.STORED, or_(*wanted))
        .order_by(Media.id)
        .limit(most)
    )
    return session.scalars(statement).all()


def picture_keys(session: Session) -> Sequence[str]:
    """The object keys of all thumbnails and copies."""
    made = MediaExamination.pictures == PicturesState.MADE
    rows = session.execute(select(MediaExamination.thumbnail_key, MediaExamination.copy_key).where(made))
    return sorted({key for row in rows for key in row if key is not None})


def stored_keys(session: Session) -> Sequence[str]:
    """The object keys of all media that are stored; `doorstep check` looks for each."""
    stored = Media.state == MediaState.STORED
    return session.scalars(
        select(Media.object_key).where(stored, Media.object_key.is_not(None)).distinct()
    ).all()
