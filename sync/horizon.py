"""What the engine forgets, and when: removals, outcomes, and marks that say the same twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, func, select

from sync.checkpoints import forget_stores
from sync.engine import SyncEngine
from sync.host import UnitOfWork
from sync.models import ENTRIES, FEED_ROWS, FEEDS, FLOORS, MARKS, MUTATIONS
from sync.mutations import Outcome
from sync.sql import dialect_of, upsert, write

REMOVALS_KEPT = timedelta(days=90)
"""A device that was away for longer starts over."""
OUTCOMES_KEPT = timedelta(days=100)
"""Devices may repeat a mutation for 90 days; the rest is for clocks and slow housekeeping."""


def forget_what_is_past(engine: SyncEngine) -> None:
    """Housekeeping for a quiet hour; one transaction per feed, safe beside running exchanges."""
    with engine.host.begin(write=False) as uow:
        audiences = list(uow.session.connection().execute(select(FEEDS.c.audience)).scalars())
    for audience in sorted(audiences):
        with engine.host.begin() as uow:
            forget_removals(uow, audience, uow.now - REMOVALS_KEPT)
    with engine.host.begin() as uow:
        forget_outcomes(uow, uow.now - OUTCOMES_KEPT)
        forget_stores(uow, uow.now - OUTCOMES_KEPT)


def forget_removals(uow: UnitOfWork, audience: str, before: datetime) -> None:
    """Delete removals older than `before`, raise the floors below which a cursor cannot be continued, and
    keep one mark of several. Under the feed's lock: no refresh reads or deletes a mark meanwhile.
    """
    session = uow.session
    session.connection().execute(_LOCK, {"of": audience})
    old = and_(FEED_ROWS.c.audience == audience, FEED_ROWS.c.removed_at < before)
    highest = (
        select(FEED_ROWS.c.collection, func.max(FEED_ROWS.c.position))
        .where(old)
        .group_by(FEED_ROWS.c.collection)
    )
    floors = [
        {"audience": audience, "collection": collection, "position": position}
        for collection, position in session.connection().execute(highest)
    ]
    statement = upsert(dialect_of(session), FLOORS)
    raised = statement.on_conflict_do_update(
        index_elements=["audience", "collection"], set_={"position": statement.excluded.position}
    )
    write(session, raised, floors)
    session.connection().execute(delete(FEED_ROWS).where(old))
    newest = select(func.max(MARKS.c.id)).where(MARKS.c.audience == audience).scalar_subquery()
    session.connection().execute(delete(MARKS).where(MARKS.c.audience == audience, MARKS.c.id < newest))


def forget_outcomes(uow: UnitOfWork, before: datetime) -> None:
    """Delete the outcomes of mutations received before that moment, held ones excepted."""
    connection = uow.session.connection()
    connection.execute(
        delete(MUTATIONS).where(MUTATIONS.c.received_at < before, MUTATIONS.c.outcome != Outcome.HELD.value)
    )
    connection.execute(delete(ENTRIES).where(ENTRIES.c.mutation_id.not_in(select(MUTATIONS.c.mutation_id))))


_LOCK = select(FEEDS.c.head).where(FEEDS.c.audience == bindparam("of")).with_for_update()
