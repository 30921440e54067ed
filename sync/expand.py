"""Expand: turns the change rows of committed transactions into stale marks of the audiences concerned."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, insert, select

from sync.collections import EVERYONE
from sync.host import EVERYBODY, Audience, UnitOfWork
from sync.models import CHANGES, FEED_ROWS, MARKS, STATE
from sync.scope import Scope
from sync.sql import batches, write

Changed = dict[str, list[UUID]]

_ONE_AT_A_TIME = select(STATE.c.epoch).where(STATE.c.id == 1).with_for_update()
_TAKE = delete(CHANGES).returning(CHANGES.c.collection, CHANGES.c.record_id)
_HOLDERS = (
    select(FEED_ROWS.c.audience)
    .distinct()
    .where(
        FEED_ROWS.c.collection == bindparam("collection"),
        FEED_ROWS.c.record_id.in_(bindparam("ids", expanding=True, type_=Uuid)),
        FEED_ROWS.c.removed_at.is_(None),
    )
)


def expand(uow: UnitOfWork, scope: Scope) -> set[str]:
    """Take all change rows that are committed and mark every audience that holds, or could see, what changed.

    Must run in a later transaction than the writes: who is being given the record's parent by another open
    transaction is seen by nobody, until that transaction leaves a change row of its own. Waits for an expand
    that is running, so that whoever expands before reading sees the effects of everything committed before.
    Returns the marked audiences.
    """
    # One at a time, by a row's lock: two that delete the same rows in another order would deadlock.
    uow.session.connection().execute(_ONE_AT_A_TIME)
    changed = take_changes(uow)
    audiences = audiences_of(uow, scope, changed)
    write(uow.session, insert(MARKS), [{"audience": audience} for audience in sorted(audiences)])
    return audiences


def take_changes(uow: UnitOfWork) -> Changed:
    """Delete the change rows and return what they said, each record once."""
    changed: defaultdict[str, set[UUID]] = defaultdict(set)
    for collection, record_id in uow.session.connection().execute(_TAKE):
        changed[collection].add(record_id)
    return {collection: sorted(ids) for collection, ids in changed.items()}


def audiences_of(uow: UnitOfWork, scope: Scope, changed: Changed) -> set[str]:
    """The audiences whose feed shows one of these records or whose scope could reach one now."""
    audiences: set[str] = set()
    for collection, ids in changed.items():
        if collection not in scope.collections:
            continue  # left by a version of the program that still had it
        kind = scope.collections[collection].audience
        if kind == EVERYONE:
            audiences.add(EVERYBODY.key)
            continue
        for batch in batches(ids):
            holders = uow.session.connection().execute(_HOLDERS, {"collection": collection, "ids": batch})
            audiences.update(holders.scalars())
        members = scope.members_that_could_see(uow.session, collection, ids)
        audiences.update(Audience(kind, member).key for member in members)
    return audiences
