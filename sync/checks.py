"""The oracle: whether every feed is its scope and every mutation accounted for, worked out the slow way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from sync.bodies import SyncedRow, text_of
from sync.engine import SyncEngine
from sync.feed import hash_of, signed
from sync.host import Audience
from sync.models import (
    CHANGES,
    ENTRIES,
    FEED_ROWS,
    FEEDS,
    JOURNALS,
    MARKS,
    MUTATIONS,
    NOTABLE_SKEW,
    FieldInboxEntry,
)
from sync.mutations import Outcome
from sync.refresh import scope_parameters
from sync.sql import batches

_ROUNDS = 5


@dataclass
class Report:
    """What was found. `faults` is empty when all is well; `figures` are for people."""

    faults: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def check(engine: SyncEngine) -> Report:
    """Expand and refresh everything, then compare. On a database that nobody writes to meanwhile."""
    _refresh_everything(engine)
    report = Report()
    with engine.host.begin(write=False) as uow:
        session = uow.session
        for name, table in (("changes", CHANGES), ("marks", MARKS)):
            left = session.connection().execute(select(func.count()).select_from(table)).scalar_one()
            if left:
                report.faults.append(f"{left} {name} are left")
        for feed in session.connection().execute(select(FEEDS).order_by(FEEDS.c.audience)):
            _check_feed(engine, session, feed, report)
        _check_journals(session, report)
    return report


def _refresh_everything(engine: SyncEngine) -> None:
    """Expand and refresh until no mark is left, also for audiences that have never pulled.

    After an upgrade feeds keep bodies of an older shape until they are next pulled: these are rewritten too.
    """
    for _ in range(_ROUNDS):
        engine.expand()
        with engine.host.begin(write=False) as uow:
            connection = uow.session.connection()
            feeds = {row.audience: row for row in connection.execute(select(FEEDS))}
            due = set(connection.execute(select(MARKS.c.audience).distinct()).scalars())
        zones = {key: feed.time_zone for key, feed in feeds.items()}
        due |= {key for key, feed in feeds.items() if _has_an_older_shape(engine, feed)}
        if not due:
            return
        for key in sorted(due):
            engine.refresh(Audience.parse(key), zones.get(key) or "UTC")


def _has_an_older_shape(engine: SyncEngine, feed: Row[Any]) -> bool:
    kind, collections = Audience.parse(feed.audience).kind, engine.collections
    return kind in collections.audience_kinds() and collections.must_rewrite(kind, feed.shape)


def _check_feed(engine: SyncEngine, session: Session, feed: Row[Any], report: Report) -> None:
    audience = Audience.parse(feed.audience)
    if audience.kind not in engine.collections.audience_kinds():
        return
    scope = session.connection().execute(
        engine.scope.closures[audience.kind], scope_parameters(audience, feed.local_day, feed.time_zone)
    )
    in_scope: list[Any] = list(scope)
    wanted = {(collection, record_id): revision for collection, record_id, revision in in_scope}
    rows = session.connection().execute(select(FEED_ROWS).where(FEED_ROWS.c.audience == feed.audience)).all()
    shown = {(row.collection, row.record_id): row for row in rows if row.removed_at is None}
    report.figures["feeds"] += 1
    report.figures["records in feeds"] += len(shown)
    _expect(
        report,
        {key: row.revision for key, row in shown.items()} == wanted,
        f"{feed.audience}: is not its scope",
    )
    _expect(report, feed.records == len(shown), f"{feed.audience}: counts {feed.records}, shows {len(shown)}")
    total = signed(sum(row.hash for row in shown.values()))
    _expect(report, feed.digest == total, f"{feed.audience}: the digest is not the sum of the hashes")
    _expect(
        report,
        all(row.position <= feed.head for row in rows),
        f"{feed.audience}: a position is after the head",
    )
    for row in shown.values():
        right = signed(hash_of(row.collection, row.record_id, row.body)) == row.hash
        _expect(
            report, right, f"{feed.audience}: {row.collection} {row.record_id} has another hash than its body"
        )
    _check_bodies(engine, session, feed.audience, shown, report)


def _check_bodies(
    engine: SyncEngine,
    session: Session,
    audience: str,
    shown: dict[tuple[str, UUID], Row[Any]],
    report: Report,
) -> None:
    # Through a session, and not as a refresh reads them: whoever checks goes another way.
    for collection in engine.collections:
        held = {record_id: row for (name, record_id), row in shown.items() if name == collection.name}
        identity = collection.mapper.primary_key[0]
        for batch in batches(sorted(held)):
            for record in session.scalars(select(collection.model).where(identity.in_(batch))):
                record_id = cast("SyncedRow", record).id
                same = text_of(collection, record) == held[record_id].body
                _expect(report, same, f"{audience}: {collection.name} {record_id} has an old body")


def _check_journals(session: Session, report: Report) -> None:
    connection = session.connection()
    mutations = dict(connection.execute(select(MUTATIONS.c.mutation_id, MUTATIONS.c.outcome)).all())
    noted = set(session.scalars(select(FieldInboxEntry.mutation_id).distinct()))
    lost = {(e.journal, e.number) for e in session.scalars(select(FieldInboxEntry)) if e.mutation_id is None}
    report.figures["mutations"] = len(mutations)
    report.figures["inbox entries"] = connection.execute(
        select(func.count()).select_from(FieldInboxEntry)
    ).scalar_one()
    entered: Counter[UUID] = Counter()
    for journal in connection.execute(select(JOURNALS)):
        report.figures["journals"] += 1
        entries = select(ENTRIES.c.number, ENTRIES.c.mutation_id).where(ENTRIES.c.journal == journal.journal)
        stood = connection.execute(entries.order_by(ENTRIES.c.number)).all()
        entered.update(mutation_id for _, mutation_id in stood)
        numbers = [number for number, _ in stood]
        for before, after in pairwise([*numbers, journal.expected_number]):
            known = after == before + 1 or (journal.journal, before + 1) in lost
            _expect(report, known, f"journal {journal.journal}: nothing between {before} and {after}")
    skewed = select(func.count()).where(func.abs(MUTATIONS.c.skew_seconds) > NOTABLE_SKEW.total_seconds())
    report.figures["mutations by a wrong clock"] = connection.execute(skewed).scalar_one()
    for mutation_id, outcome in mutations.items():
        report.figures[outcome] += 1
        _expect(report, entered[mutation_id] > 0, f"mutation {mutation_id} stands in no journal")
        accounted = outcome == Outcome.APPLIED.value or mutation_id in noted
        _expect(report, accounted, f"mutation {mutation_id} is {outcome}, and the inbox does not say so")
    for mutation_id in entered.keys() - mutations.keys():
        report.faults.append(f"mutation {mutation_id} was taken in and has no outcome")


def _expect(report: Report, holds: bool, otherwise: str) -> None:
    if not holds:
        report.faults.append(otherwise)


@dataclass(frozen=True)
class StoredMutation:
    """What is kept of a mutation, for comparison with the journal of the device that made it."""

    mutation_id: UUID
    device_id: UUID
    content: str


def stored_mutations(
    session: Session, mutation_ids: Collection[UUID] | None, device_ids: Collection[UUID] | None = None
) -> dict[UUID, StoredMutation]:
    """The mutations with these ids (None: all), of these devices (None: of all), by id."""
    columns = (MUTATIONS.c.mutation_id, MUTATIONS.c.device_id, MUTATIONS.c.content)
    statement = select(*columns)
    if device_ids is not None:
        statement = statement.where(MUTATIONS.c.device_id.in_(device_ids))
    rows = (StoredMutation(*row) for row in session.connection().execute(statement))
    return {row.mutation_id: row for row in rows if mutation_ids is None or row.mutation_id in mutation_ids}


def outcomes_of_devices(
    session: Session, device_ids: Collection[UUID]
) -> dict[tuple[str, UUID | None], Counter[str]]:
    """How many mutations of each type became what for each record, over all these devices."""
    what = (MUTATIONS.c.type, MUTATIONS.c.record_id, MUTATIONS.c.outcome)
    statement = select(*what, func.count()).where(MUTATIONS.c.device_id.in_(device_ids)).group_by(*what)
    found: dict[tuple[str, UUID | None], Counter[str]] = {}
    for kind, record_id, outcome, count in session.connection().execute(statement):
        found.setdefault((kind, record_id), Counter())[outcome] += count
    return found
