"""What a transaction keeps in mind until it ends: rows it has locked, answers, rows to write last.

A push reads the same for every mutation of a batch, and leaves rows that nobody reads before it commits: here
each is done once. Going back to a savepoint forgets what came after it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from uuid import UUID
from weakref import WeakSet

from sqlalchemy import Table, event, inspect, select
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, UOWTransaction, sessionmaker

from sync.sql import insert_rows

T = TypeVar("T")
M = TypeVar("M", bound=DeclarativeBase)

_MIND = "transaction_mind"
_LOCKED, _ABSENT, _SEEN, _TOLD = "locked", "absent", "seen", "told"

_KEPT: WeakSet[sessionmaker[Session] | type[Session]] = WeakSet()
"""The factories that are listened to. `event.contains` knows them by address: it takes a new factory for one
that is gone and lay in the same place, and what is left for the end would never be written."""

Place = tuple[Hashable, ...]
Writer = Callable[[Session, Sequence[Any]], None]
"""`writer(session, items)` writes what was left for it, in the order in which it was left."""


@dataclass
class _Mind:
    """One transaction's. `known`: values with the number of their entry; `last`: what is to be written.

    `told`: by table, where answers about it are.
    """

    known: dict[Place, tuple[int, object]] = field(default_factory=dict)
    last: list[tuple[Writer, object]] = field(default_factory=list)
    marks: dict[SessionTransaction, tuple[int, int]] = field(default_factory=dict)
    told: dict[str, set[Place]] = field(default_factory=dict)
    entries: int = 0

    def keep(self, place: Place, value: object) -> None:
        self.entries += 1
        self.known[place] = (self.entries, value)

    def find(self, place: Place) -> Any:
        found = self.known.get(place)
        return None if found is None else found[1]

    def return_to(self, entries: int, last: int) -> None:
        """Forget what came after a savepoint that is undone."""
        self.known = {key: entry for key, entry in self.known.items() if entry[0] <= entries}
        del self.last[last:]


def keep_in_mind(sessions: sessionmaker[Session] | type[Session]) -> None:
    """Give every transaction of this factory's sessions a mind of its own. Twice is once."""
    if sessions in _KEPT:
        return
    _KEPT.add(sessions)
    for name, listener in (
        ("after_transaction_create", _begun),
        ("after_transaction_end", _ended),
        ("after_soft_rollback", _rolled_back),
        ("after_flush", _flushed),
        ("before_commit", _about_to_commit),
    ):
        event.listen(sessions, name, listener)


def write_last(session: Session, writer: Writer, item: object) -> None:
    """Leave for the end of the transaction what nobody reads before. It commits with the rest."""
    _mind(session).last.append((writer, item))


def left_for(session: Session, writer: Writer) -> Iterable[Any]:
    """What was left for a writer so far."""
    return (item for wanted, item in _mind(session).last if wanted is writer)


def rows_of(table: Table) -> Writer:
    """A writer of rows of one table; an item maps every column that it fills."""

    def insert(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
        insert_rows(session, table, rows)

    return insert


def lock_rows(session: Session, model: type[M], ids: Collection[UUID]) -> list[UUID]:
    """Lock these rows in the order of their ids, read as they are now. Returns the ids that there are."""
    identity = cast("Any", model).id
    statement = select(model).where(identity.in_(sorted(ids))).order_by(identity)
    locked = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    rows = {cast("UUID", cast("Any", row).id): row for row in session.scalars(locked)}
    for record_id in ids:
        if record_id in rows:
            keep(session, (_LOCKED, model, record_id), rows[record_id])
        else:
            keep(session, (_ABSENT, model, record_id), True)
    return list(rows)


def locked_row(session: Session, model: type[M], record_id: UUID) -> M | None:
    """A row that is locked until the transaction ends, as it is now; read again only when it was not."""
    if (row := row_if_locked(session, model, record_id)) is not None:
        return row
    found = session.get(model, record_id, with_for_update={"key_share": True}, populate_existing=True)
    if found is not None:
        keep(session, (_LOCKED, model, record_id), found)
    return found


def row_if_locked(session: Session, model: type[M], record_id: UUID) -> M | None:
    """The row when this transaction holds it, else None: then somebody else may be changing it."""
    return cast("M | None", find(session, (_LOCKED, model, record_id)))


def seen_row(session: Session, model: type[M], record_id: UUID) -> M | None:
    """A row as this transaction saw it first. Not for what others may change under a decision."""
    if (row := row_if_locked(session, model, record_id)) is not None:
        return row
    found = session.get(model, record_id)
    if found is not None:
        keep(
            session, (_SEEN, model, record_id), found
        )  # held: the session itself lets go of what nobody holds
    return found


def is_absent(session: Session, model: type[DeclarativeBase], record_id: UUID) -> bool:
    """Whether there was no such row when the transaction looked; who inserts it now meets the primary key."""
    return find(session, (_ABSENT, model, record_id)) is not None


def forget_absent(session: Session) -> None:
    """Look again for what was not there: somebody may have made it meanwhile."""
    mind = _mind(session)
    mind.known = {place: entry for place, entry in mind.known.items() if place[0] is not _ABSENT}


def told_once(session: Session, table: str, key: tuple[object, ...], ask: Callable[[], T]) -> T:
    """The answer to a question about `table`, asked again after this transaction changed that table."""
    place = (_TOLD, table, *key)
    if (answer := find(session, place)) is not None:
        return cast("T", answer)
    told = ask()
    keep(session, place, told)
    _mind(session).told.setdefault(table, set()).add(place)
    return told


def keep(session: Session, place: Place, value: object) -> None:
    """Keep something in mind until the transaction ends, or goes back behind this moment."""
    _mind(session).keep(place, value)


def find(session: Session, place: Place) -> Any:
    """What is kept there; None when nothing is."""
    return _mind(session).find(place)


def _mind(session: Session) -> _Mind:
    mind: _Mind | None = session.info.get(_MIND)
    if mind is None:
        mind = session.info[_MIND] = _Mind()
    return mind


def _begun(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        mind = _mind(session)
        mind.marks[transaction] = (mind.entries, len(mind.last))


def _ended(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_MIND, None)


def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    mind: _Mind | None = session.info.get(_MIND)
    if mind is not None and (mark := mind.marks.pop(transaction, None)) is not None:
        mind.return_to(*mark)


def _flushed(session: Session, _context: UOWTransaction) -> None:
    mind: _Mind | None = session.info.get(_MIND)
    if mind is None or not mind.known:
        return
    rows = (*session.new, *session.dirty, *session.deleted)
    changed = {cast("Table", inspect(row).mapper.local_table).name for row in rows}
    for table in changed & mind.told.keys():
        for place in mind.told.pop(table):
            mind.known.pop(place, None)
    for row in session.deleted:
        state = inspect(row)
        for kind in (_LOCKED, _SEEN):
            mind.known.pop((kind, state.mapper.class_, *(state.identity or ())), None)


def _about_to_commit(session: Session) -> None:
    if not session.in_nested_transaction():
        session.flush()  # what it changes may leave more
        write_what_is_left(session)


def write_what_is_left(session: Session) -> None:
    """Write now what was left for the end."""
    mind: _Mind | None = session.info.get(_MIND)
    if mind is None:
        return
    by_writer: dict[Writer, list[object]] = {}
    for writer, item in mind.last:
        by_writer.setdefault(writer, []).append(item)
    mind.last.clear()
    for writer, items in by_writer.items():
        writer(session, items)
