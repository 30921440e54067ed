"""What both directions read of a feed, record by record: the statements."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, Text, bindparam, select

from sync.host import UnitOfWork
from sync.models import FEED_ROWS

_COLUMNS = (FEED_ROWS.c.collection, FEED_ROWS.c.record_id, FEED_ROWS.c.body)
_OF_FEED = FEED_ROWS.c.audience == bindparam("of", type_=Text)
HELD = select(*_COLUMNS).where(_OF_FEED, FEED_ROWS.c.removed_at.is_(None)).order_by(FEED_ROWS.c.position)
WHOLE = HELD.where(FEED_ROWS.c.collection == bindparam("collection", type_=Text))
CHANGED = (
    select(*_COLUMNS, FEED_ROWS.c.position, FEED_ROWS.c.removed_at)
    .where(
        _OF_FEED,
        FEED_ROWS.c.position > bindparam("after", type_=BigInteger),
        FEED_ROWS.c.position <= bindparam("head", type_=BigInteger),
    )
    .order_by(FEED_ROWS.c.position)
)
_ONE = select(FEED_ROWS.c.body, FEED_ROWS.c.removed_at, FEED_ROWS.c.published).where(
    _OF_FEED,
    FEED_ROWS.c.collection == bindparam("collection", type_=Text),
    FEED_ROWS.c.record_id == bindparam("id"),
)


def feed_row(
    uow: UnitOfWork, audience: str, collection: str, record_id: UUID
) -> Row[*tuple[Any, ...]] | None:
    """The feed's row of one record (`body`, `removed_at`, `published`); None when it never was in it."""
    parameters = {"of": audience, "collection": collection, "id": record_id}
    return uow.session.connection().execute(_ONE, parameters).one_or_none()
