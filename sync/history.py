"""Who changed which field of a record last: what merging asks, read once for all records of a chunk."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.orm import Session

from sync.hook import revisions_to_come
from sync.merge import LastChange
from sync.models import FIELD_REVISIONS
from sync.transaction import find, keep

_HISTORIES = "histories"
_READ = select(
    FIELD_REVISIONS.c.record_id,
    FIELD_REVISIONS.c.field,
    FIELD_REVISIONS.c.revision,
    FIELD_REVISIONS.c.actor_id,
).where(
    FIELD_REVISIONS.c.collection == bindparam("collection"),
    FIELD_REVISIONS.c.record_id.in_(bindparam("ids", expanding=True, type_=Uuid)),
)


def read_histories(session: Session, collection: str, ids: Collection[UUID]) -> None:
    """Read ahead for records that this transaction has locked: nobody else changes them before it ends."""
    if not ids:
        return
    histories: dict[UUID, dict[str, LastChange]] = {record_id: {} for record_id in ids}
    rows = session.connection().execute(_READ, {"collection": collection, "ids": sorted(ids)})
    for record_id, field, revision, actor_id in rows:
        histories[record_id][field] = LastChange(revision, actor_id)
    for record_id, history in histories.items():
        keep(session, (_HISTORIES, collection, record_id), history)


def history_of(session: Session, collection: str, record_id: UUID) -> Mapping[str, LastChange]:
    """The last change of each field of a locked record, those of this transaction included."""
    place = (_HISTORIES, collection, record_id)
    if find(session, place) is None:
        read_histories(session, collection, [record_id])
    stored = cast("Mapping[str, LastChange]", find(session, place))
    return {**stored, **revisions_to_come(session, collection, record_id)}
