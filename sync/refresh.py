"""Refresh: brings one audience's feed up to its scope, in one transaction under the feed's lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Protocol, cast
from uuid import UUID

import orjson
from marshmallow import Schema
from sqlalchemy import Executable, Row, bindparam, delete, false, func, insert, select, true, update
from sqlalchemy.orm import Session

from sync.between import KEEP_OFF, VERSION, nobody_came
from sync.collections import EVERYONE, Collection
from sync.feed import hash_of, put_envelope, removal_envelope, signed, write_body
from sync.host import Audience, UnitOfWork
from sync.models import FEED_ROWS, FEEDS, MARKS
from sync.scope import Difference, Scope
from sync.sql import batches, dialect_of, upsert, write
from sync.window import local_day, window_of

REVISIONS_REMEMBERED = 4
"""How many published revisions a feed row remembers, for clients that name no base of their own."""

_LOCK = {
    "sqlite": select(FEEDS).where(FEEDS.c.audience == bindparam("audience")),
    # To plan scope against feed takes longer than to compare them, and the plan is the same for everybody.
    "postgresql": select(FEEDS, VERSION, func.set_config("plan_cache_mode", "force_generic_plan", true()))
    .where(FEEDS.c.audience == bindparam("audience"))
    .with_for_update(),
}
_TAKE_MARKS = delete(MARKS).where(MARKS.c.audience == bindparam("marked"))


@dataclass
class Refresh:
    """One run for one audience.

    Its steps are methods so that a test can take one away and see the law break.
    """

    uow: UnitOfWork
    scope: Scope
    audience: Audience
    time_zone: str

    def run(self) -> bool:
        """Whether the audience is still marked: then there may be more to do."""
        feed = self.lock_feed()
        marked = self.delete_marks()
        day = self.day(feed.local_day)
        shape = self.scope.collections.shape_of(self.audience.kind)
        rolled = day != feed.local_day or self.time_zone != feed.time_zone
        if not (marked or rolled or shape != feed.shape):
            return False
        figures = self.write(feed, self.differences(day, rewrite=shape != feed.shape))
        if figures is None and not rolled and shape == feed.shape:
            return False
        seen = {"of": self.audience.key, "local_day": day, "time_zone": self.time_zone, "shape": shape}
        kept_off = self.advance({**seen, **(figures or _figures_of(feed))})
        if figures is None or (kept_off and nobody_came(self.uow.session, feed.version)):
            return False
        return self.leave_mark()

    def advance(self, figures: dict[str, Any]) -> bool:
        """Write the feed's row; whether expands are kept off from now until commit."""
        session = self.uow.session
        return bool(session.connection().execute(_ADVANCE[dialect_of(session)], figures).scalar())

    def lock_feed(self) -> Row[Any]:
        """The feed's row, locked until commit; made when this is the first pull of the audience."""
        session, key = self.uow.session, {"audience": self.audience.key}
        lock = _LOCK[dialect_of(session)]
        row = session.connection().execute(lock, key).one_or_none()
        if row is None:
            session.connection().execute(_NEW_FEED[dialect_of(session)], key)
            row = session.connection().execute(lock, key).one()
        return row

    def delete_marks(self) -> bool:
        """Take the audience's marks *before* the scope is read: who marks later has something new to say."""
        result = self.uow.session.connection().execute(_TAKE_MARKS, {"marked": self.audience.key})
        return result.rowcount > 0

    def leave_mark(self) -> bool:
        """Mark the audience again, because something changed and an expand may have come in between.

        V moves A→B; this run has read the scope of B; V moves B→C and is expanded, which marks A and C,
        because B's feed does not show V yet. Without the mark left here B would keep V for ever. On SQLite
        nobody can write between our scope query and our commit.
        """
        if dialect_of(self.uow.session) == "sqlite":
            return False
        write(self.uow.session, insert(MARKS), [{"audience": self.audience.key}])
        return True

    def day(self, known: date | None) -> date | None:
        """The local day of the window. It never goes back, whatever clocks and zones do."""
        if self.audience.kind == EVERYONE:
            return None
        today = local_day(self.uow.now, self.time_zone)
        return today if known is None else max(known, today)

    def differences(self, day: date | None, *, rewrite: bool) -> list[Difference]:
        """Scope against feed, in one statement."""
        parameters = scope_parameters(self.audience, day, self.time_zone)
        statement = self.scope.differences[dialect_of(self.uow.session), self.audience.kind]
        rows = self.uow.look.all(statement, {**parameters, "audience": self.audience.key, "rewrite": rewrite})
        return [Difference(*row) for row in rows]

    def write(self, feed: Row[Any], differences: list[Difference]) -> dict[str, int] | None:
        """Store what differs at new positions after the head; the new figures, None if nothing does."""
        session = self.uow.session
        puts, removals = self._bodies(differences)
        head, records, digest = feed.head, feed.records, feed.digest
        rows: list[dict[str, object]] = []
        for body in puts:
            head += 1
            rows.append(body.row(self.audience.key, head))
            records += not body.difference.held
            digest += body.hash - (body.difference.held_hash if body.difference.held else 0)
        gone: list[dict[str, object]] = []
        for difference, why in removals:
            head += 1
            gone.append(_removal_row(self.audience.key, difference, why, head, self.uow.now))
            records -= 1
            digest -= difference.held_hash
        write(session, _PUT[dialect_of(session)], rows)
        write(session, _REMOVE, gone)
        if not (rows or gone):
            return None
        return {"head": head, "records": records, "digest": signed(digest)}

    def _bodies(self, differences: list[Difference]) -> tuple[list[Body], list[tuple[Difference, str]]]:
        """What to put, from rows read now (their own revision counts), and what to remove and why."""
        by_collection: defaultdict[str, list[Difference]] = defaultdict(list)
        for difference in differences:
            by_collection[difference.collection].append(difference)
        puts: list[Body] = []
        removals: list[tuple[Difference, str]] = []
        for name in sorted(by_collection, key=self._rank):
            known = name in self.scope.collections
            entering = [d for d in by_collection[name] if d.scope_revision is not None]
            leaving = [d for d in by_collection[name] if d.scope_revision is None]
            if entering:
                bodies = read_bodies(self.uow.session, self.scope.collections[name], entering)
                puts += [body for body in bodies if not body.is_as_held]
                found = {body.difference.record_id for body in bodies}
                # Gone between the scope query and now: no longer in scope, whatever the query said.
                leaving += [d for d in entering if d.held and d.record_id not in found]
            if leaving:
                there = existing(self.uow.session, self.scope.collections[name], leaving) if known else set()
                removals += [(d, OUT_OF_SCOPE if d.record_id in there else DELETED) for d in leaving]
        return puts, removals

    def _rank(self, name: str) -> int:
        order = self.scope.collections.order
        return order.index(name) if name in order else len(order)


DELETED, OUT_OF_SCOPE = "deleted", "out_of_scope"


class SyncedRow(Protocol):
    """What every row of a collection has; checked when the collections are declared."""

    id: UUID
    revision: int


@dataclass(frozen=True)
class Body:
    """A record as it will stand in the feed."""

    difference: Difference
    revision: int
    text: str
    hash: int

    @property
    def is_as_held(self) -> bool:
        """Whether the feed shows exactly this: a rewrite for a new shape version found nothing new."""
        return self.difference.held and signed(self.hash) == self.difference.held_hash

    def row(self, audience: str, position: int) -> dict[str, object]:
        """The feed row."""
        published = orjson.loads(self.difference.published or "[]")[1 - REVISIONS_REMEMBERED :]
        return {
            "audience": audience,
            "collection": self.difference.collection,
            "record_id": self.difference.record_id,
            "position": position,
            "revision": self.revision,
            "hash": signed(self.hash),
            "envelope": put_envelope(self.difference.collection, self.difference.record_id, self.hash),
            "body": self.text,
            "removed_at": None,
            "published": orjson.dumps([*published, [self.revision, position]]).decode(),
        }


def read_bodies(session: Session, collection: Collection, wanted: Iterable[Difference]) -> list[Body]:
    """The bodies of the records that are still there, in the order of their ids."""
    by_id = {difference.record_id: difference for difference in wanted}
    shape, identity = _shape(collection.shape), collection.mapper.primary_key[0]
    bodies: list[Body] = []
    for batch in batches(sorted(by_id)):
        rows = session.scalars(select(collection.model).where(identity.in_(batch)).order_by(identity))
        for row in rows:
            record = cast("SyncedRow", row)
            record_id, revision = record.id, record.revision
            body = shape.dump(row)
            text = write_body(body)
            bodies.append(Body(by_id[record_id], revision, text, hash_of(collection.name, record_id, text)))
    return bodies


def existing(session: Session, collection: Collection, differences: Iterable[Difference]) -> set[UUID]:
    """Which of the records are still in their table."""
    identity = collection.table.c.id
    found: set[UUID] = set()
    for batch in batches([difference.record_id for difference in differences]):
        found.update(session.connection().execute(select(identity).where(identity.in_(batch))).scalars())
    return found


def scope_parameters(audience: Audience, day: date | None, time_zone: str) -> dict[str, object]:
    """The parameters of a scope statement; unused ones do no harm."""
    if day is None:
        return {"member": audience.member}
    start, end = window_of(day, time_zone)
    return {"member": audience.member, "window_start": start, "window_end": end}


@cache
def _shape(shape: type[Schema]) -> Schema:
    return shape()


def _figures_of(feed: Row[Any]) -> dict[str, int]:
    return {"head": feed.head, "records": feed.records, "digest": feed.digest}


def _removal_row(
    audience: str, difference: Difference, why: str, position: int, now: datetime
) -> dict[str, object]:
    return {
        "of_audience": audience,
        "of_collection": difference.collection,
        "of_record": difference.record_id,
        "position": position,
        "envelope": removal_envelope(difference.collection, difference.record_id, why),
        "removed_at": now,
    }


def _new_feed(dialect: str) -> Executable:
    values = {
        "audience": bindparam("audience"),
        "head": 0,
        "records": 0,
        "digest": 0,
        "time_zone": "",
        "shape": "",
    }
    return upsert(dialect, FEEDS).values(values).on_conflict_do_nothing()


def _put(dialect: str) -> Executable:
    statement = upsert(dialect, FEED_ROWS)
    key = ["audience", "collection", "record_id"]
    rest = {column.name: statement.excluded[column.name] for column in FEED_ROWS.c if column.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=rest)


_NEW_FEED = {dialect: _new_feed(dialect) for dialect in ("sqlite", "postgresql")}
_PUT = {dialect: _put(dialect) for dialect in ("sqlite", "postgresql")}
_REMOVE = (
    update(FEED_ROWS)
    .where(
        FEED_ROWS.c.audience == bindparam("of_audience"),
        FEED_ROWS.c.collection == bindparam("of_collection"),
        FEED_ROWS.c.record_id == bindparam("of_record"),
    )
    .values(
        position=bindparam("position"), envelope=bindparam("envelope"), removed_at=bindparam("removed_at")
    )
)
_SEEN = (
    update(FEEDS)
    .where(FEEDS.c.audience == bindparam("of"))
    .values(
        {name: bindparam(name) for name in ("head", "records", "digest", "local_day", "time_zone", "shape")}
    )
)
_ADVANCE = {"sqlite": _SEEN.returning(false()), "postgresql": _SEEN.returning(KEEP_OFF)}
