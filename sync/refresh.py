"""Refresh: brings one audience's feed up to its scope, in one transaction under the feed's lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Executable, bindparam, delete, false, func, insert, select, true, update

from sync.between import KEEP_OFF, VERSION, nobody_came
from sync.bodies import Body, existing, read_bodies
from sync.collections import EVERYONE
from sync.feed import removal_envelope, signed
from sync.host import Audience, Straight
from sync.models import FEED_ROWS, FEEDS, MARKS
from sync.scope import Difference, Scope
from sync.sql import batches, insertion, upsert
from sync.window import local_day, window_of

_ROWS_AT_ONCE = 1000
DELETED, OUT_OF_SCOPE = "deleted", "out_of_scope"


class Feed(NamedTuple):
    """A feed's row as it is found; on PostgreSQL with the expand that was the latest to commit."""

    audience: str
    head: int
    records: int
    digest: int
    local_day: date | None
    time_zone: str
    shape: str
    version: str | None = None


@dataclass
class Refresh:
    """One run for one audience.

    Its steps are methods so that a test can take one away and see the law break.
    """

    straight: Straight
    scope: Scope
    audience: Audience
    time_zone: str

    def run(self) -> bool:
        """Whether the audience is still marked: then there may be more to do."""
        locked, marks = self.lock_feed(), self.delete_marks()
        feed, marked = locked(), marks()
        day = self.day(feed.local_day)
        shape = self.scope.collections.shape_of(self.audience.kind)
        rewrite = self.scope.collections.must_rewrite(self.audience.kind, feed.shape)
        rolled = day != feed.local_day or self.time_zone != feed.time_zone
        if not (marked or rolled or rewrite):
            return False
        figures = self.write(feed, self.differences(day, rewrite=rewrite))
        if figures is None and not rewrite:
            if not rolled:
                return False
            # Nothing was written in our shape. What is, beside a newer release, that one rewrites.
            shape = feed.shape
        seen = {"of": self.audience.key, "local_day": day, "time_zone": self.time_zone, "shape": shape}
        kept_off = self.advance({**seen, **(figures or _figures_of(feed))})
        if figures is None:
            return False
        if feed.version is not None:
            came_alone = nobody_came(self.straight, feed.version)
            if kept_off() and came_alone():
                return False
        return self.leave_mark()

    def advance(self, figures: dict[str, Any]) -> Callable[[], bool]:
        """Write the feed's row; whether expands are kept off from now until commit."""
        written = self.straight.later(_ADVANCE[self.straight.dialect], figures)
        return lambda: bool(written()[0][0])

    def lock_feed(self) -> Callable[[], Feed]:
        """The feed's row, locked until commit; made when this is the first pull of the audience."""
        lock, parameters = _LOCK[self.straight.dialect], {"audience": self.audience.key}
        if self.straight.dialect == "postgresql":
            parameters["scans"] = "on" if self.audience.kind == EVERYONE else "off"
        locked = self.straight.later(lock, parameters)

        def feed() -> Feed:
            if not (rows := locked()):
                self.straight.later(_NEW_FEED[self.straight.dialect], {"audience": self.audience.key})
                rows = self.straight.run(lock, parameters)
            return Feed(*rows[0][: len(Feed._fields)])

        return feed

    def delete_marks(self) -> Callable[[], bool]:
        """Take the audience's marks *before* the scope is read: who marks later has something new to say."""
        taken = self.straight.later(_TAKE_MARKS, {"marked": self.audience.key})
        return lambda: bool(taken())

    def leave_mark(self) -> bool:
        """Mark the audience again, because something changed and an expand may have come in between.

        V moves A→B; this run has read the scope of B; V moves B→C and is expanded, which marks A and C,
        because B's feed does not show V yet. Without the mark left here B would keep V for ever. On SQLite
        nobody can write between our scope query and our commit.
        """
        if self.straight.dialect == "sqlite":
            return False
        self.straight.later(_LEAVE_MARK, {"audience": self.audience.key})
        return True

    def day(self, known: date | None) -> date | None:
        """The local day of the window. It never goes back, whatever clocks and zones do."""
        if self.audience.kind == EVERYONE:
            return None
        today = local_day(self.straight.now, self.time_zone)
        return today if known is None else max(known, today)

    def differences(self, day: date | None, *, rewrite: bool) -> list[Difference]:
        """Scope against feed, in one statement."""
        parameters = scope_parameters(self.audience, day, self.time_zone)
        statement = self.scope.differences[self.straight.dialect, self.audience.kind]
        rows = self.straight.run(statement, {**parameters, "audience": self.audience.key, "rewrite": rewrite})
        return [Difference(*row) for row in rows]

    def write(self, feed: Feed, differences: list[Difference]) -> dict[str, int] | None:
        """Store what differs at new positions after the head; the new figures, None if nothing does."""
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
            gone.append(_removal_row(self.audience.key, difference, why, head, self.straight.now))
            records -= 1
            digest -= difference.held_hash
        for batch in batches(rows, _ROWS_AT_ONCE):
            self.straight.later(*insertion(self.straight.dialect, FEED_ROWS, batch, newest_of=_KEY))
        if gone:
            self.straight.later(_REMOVE, gone)
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
                bodies = read_bodies(self.straight, self.scope.collections[name], entering)
                puts += [body for body in bodies if not body.is_as_held]
                found = {body.difference.record_id for body in bodies}
                # Gone between the scope query and now: no longer in scope, whatever the query said.
                leaving += [d for d in entering if d.held and d.record_id not in found]
            if leaving:
                there = existing(self.straight, self.scope.collections[name], leaving) if known else set()
                removals += [(d, OUT_OF_SCOPE if d.record_id in there else DELETED) for d in leaving]
        return puts, removals

    def _rank(self, name: str) -> int:
        order = self.scope.collections.order
        return order.index(name) if name in order else len(order)


def scope_parameters(audience: Audience, day: date | None, time_zone: str) -> dict[str, object]:
    """The parameters of a scope statement; unused ones do no harm."""
    if day is None:
        return {"member": audience.member}
    start, end = window_of(day, time_zone)
    return {"member": audience.member, "window_start": start, "window_end": end}


def _figures_of(feed: Feed) -> dict[str, int]:
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


_KEY = ("audience", "collection", "record_id")
_PLANNED = (
    # To plan scope against feed takes longer than to compare them, and the plan is the same for everybody.
    func.set_config("plan_cache_mode", "force_generic_plan", true()),
    # One audience's rows are few of each table, whatever the planner knows of tables that grow.
    func.set_config("enable_seqscan", bindparam("scans"), true()),
)
_NEW_FEED = {dialect: _new_feed(dialect) for dialect in ("sqlite", "postgresql")}
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
_LOCK = {
    "sqlite": select(FEEDS).where(FEEDS.c.audience == bindparam("audience")),
    "postgresql": select(FEEDS, VERSION, *_PLANNED)
    .where(FEEDS.c.audience == bindparam("audience"))
    .with_for_update(),
}
_TAKE_MARKS = delete(MARKS).where(MARKS.c.audience == bindparam("marked")).returning(MARKS.c.id)
_LEAVE_MARK = insert(MARKS).values(audience=bindparam("audience"))
_ADVANCE = {"sqlite": _SEEN.returning(false()), "postgresql": _SEEN.returning(KEEP_OFF)}
