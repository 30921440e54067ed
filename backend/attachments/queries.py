"""All reading of media records, and who may see which."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.reach import Reach, assigned_visits, narrowed
from backend.attachments.models import Media
from backend.attachments.rules import MediaNotFound
from backend.db.lookup import locked, one_row
from backend.db.paging import Page, PageRequest, fetch_page
from schemas.attachments import MediaState


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


def stored_keys(session: Session) -> Sequence[str]:
    """The object keys of all media that are stored; `doorstep check` looks for each."""
    stored = Media.state == MediaState.STORED
    return session.scalars(
        select(Media.object_key).where(stored, Media.object_key.is_not(None)).distinct()
    ).all()
