"""The session hook: what a flush changes in a synced table leaves a change row and revisions of fields.

They are written once, at the end of the transaction: nobody may see them before it commits anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from uuid import UUID

from sqlalchemy import bindparam, delete, event, inspect
from sqlalchemy.orm import (
    DeclarativeBase,
    InstanceState,
    Mapper,
    ORMExecuteState,
    Session,
    UOWTransaction,
    sessionmaker,
)

from sync.collections import Collection as Synced
from sync.collections import CollectionSet
from sync.merge import LastChange
from sync.models import CHANGES, FIELD_REVISIONS
from sync.sql import insert_rows, write
from sync.transaction import keep_in_mind, left_for, write_last

ACTOR = "actor_id"
"""The key in `session.info` of whoever acts."""
CHANGED = "sync_changed"
"""The key in `session.info` that says whether the session changed anything that devices hold."""
RECORDED = "sync_recorded"
"""The execution option by which a bulk statement says that it calls `record_changes` itself."""
WHOLE_RECORD = ""
"""Stands for all fields that did not change since the record was created."""
_UNTRACKED = frozenset({"id", "revision", "created_at"})


class UnrecordedChange(RuntimeError):
    """A bulk statement on a synced table: it passes the hook by, and no device would ever hear of it."""


def install_hook(sessions: sessionmaker[Session] | type[Session], collections: CollectionSet) -> None:
    """Watch every session that this factory makes."""
    by_mapper = {collection.mapper: collection for collection in collections}

    def after_flush(session: Session, _context: UOWTransaction) -> None:
        changes = list(_flushed(session, by_mapper))
        if changes:
            _write(session, changes)

    def on_execute(state: ORMExecuteState) -> None:
        if not (state.is_insert or state.is_update or state.is_delete):
            return
        table = getattr(state.statement, "table", None)
        if table in collections.by_table and not state.execution_options.get(RECORDED):
            raise UnrecordedChange(
                f"{table}: change rows through loaded objects and flush, or call sync.hook.record_changes "
                f"and give the statement execution_options({RECORDED}=True)"
            )

    keep_in_mind(sessions)
    event.listen(sessions, "after_flush", after_flush)
    event.listen(sessions, "do_orm_execute", on_execute)


def record_changes(
    session: Session, collection: str, revisions: Mapping[UUID, int], fields: Collection[str] = ()
) -> None:
    """Do the hook's work for a bulk statement.

    It inserted rows (`fields` is then [WHOLE_RECORD]), changed these fields, or deleted rows (no fields).

    `revisions` holds the new revision of each record, which the statement must have raised.
    """
    changes = [
        _Change(collection, record, revision, fields, deleted=False) for record, revision in revisions.items()
    ]
    _write(session, changes)


@dataclass(frozen=True, slots=True)
class _Change:
    """What a flush did to one record."""

    collection: str
    record_id: UUID
    revision: int
    fields: Collection[str]
    deleted: bool
    actor_id: UUID | None = None


def _flushed(session: Session, by_mapper: Mapping[Mapper[DeclarativeBase], Synced]) -> Iterator[_Change]:
    for row in session.new:
        state = inspect(row)
        if collection := by_mapper.get(state.mapper):
            yield _Change(collection.name, *_identity(state), (WHOLE_RECORD,), deleted=False)
    for row in session.dirty:
        state = inspect(row)
        collection = by_mapper.get(state.mapper)
        if collection is not None and (changed := _changed_fields(state)):
            yield _Change(collection.name, *_identity(state), changed - _UNTRACKED, deleted=False)
    for row in session.deleted:
        state = inspect(row)
        if collection := by_mapper.get(state.mapper):
            yield _Change(collection.name, *_identity(state), (), deleted=True)


def _identity(state: InstanceState[object]) -> tuple[UUID, int]:
    return state.dict["id"], state.dict["revision"]


def _changed_fields(state: InstanceState[object]) -> frozenset[str]:
    keys = (attribute.key for attribute in state.mapper.column_attrs)
    return frozenset(key for key in keys if key != "revision" and state.attrs[key].history.has_changes())


def _write(session: Session, changes: list[_Change]) -> None:
    actor = session.info.get(ACTOR)
    session.info[CHANGED] = True
    for change in changes:
        write_last(session, _write_changes, replace(change, actor_id=actor))


def revisions_to_come(session: Session, collection: str, record_id: UUID) -> dict[str, LastChange]:
    """The record's fields that this transaction has changed so far."""
    return {
        name: LastChange(change.revision, change.actor_id)
        for change in left_for(session, _write_changes)
        if change.record_id == record_id and change.collection == collection
        for name in change.fields
    }


def _write_changes(session: Session, changes: Sequence[_Change]) -> None:
    revisions: dict[tuple[str, UUID, str], _Change] = {}
    for change in changes:
        if change.deleted:
            write(session, _FORGET, [{"of_collection": change.collection, "of_record": change.record_id}])
            gone = [key for key in revisions if key[:2] == (change.collection, change.record_id)]
            for key in gone:
                del revisions[key]
        for name in change.fields:
            revisions[change.collection, change.record_id, name] = change
    rows = [
        {
            "collection": collection,
            "record_id": record_id,
            "field": name,
            "revision": change.revision,
            "actor_id": change.actor_id,
        }
        # In the order of their keys, as everybody: two transactions never wait for each other.
        for (collection, record_id, name), change in sorted(revisions.items(), key=itemgetter(0))
    ]
    insert_rows(session, FIELD_REVISIONS, rows, newest_of=("collection", "record_id", "field"))
    changed = dict.fromkeys((change.collection, change.record_id) for change in changes)
    insert_rows(session, CHANGES, [{"collection": name, "record_id": record} for name, record in changed])


_FORGET = delete(FIELD_REVISIONS).where(
    FIELD_REVISIONS.c.collection == bindparam("of_collection"),
    FIELD_REVISIONS.c.record_id == bindparam("of_record"),
)
