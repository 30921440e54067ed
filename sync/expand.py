"""Expand: turns the change rows of committed transactions into stale marks of the audiences concerned."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, delete, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from sync.between import begin_expand
from sync.collections import EVERYONE
from sync.held import ANY_WAIT
from sync.host import EVERYBODY, Audience, UnitOfWork
from sync.models import CHANGES, FEED_ROWS, MARKS
from sync.scope import Scope
from sync.sql import batches, dialect_of, write

Changed = dict[str, list[UUID]]

CHANNEL = "doorstep_wake"
"""What waiting rooms listen to; the payload is an audience, and `everyone` concerns everybody."""
MOST_NOTICES = 100

_HEARD = func.unnest(bindparam("audiences", type_=ARRAY(Text))).column_valued("heard")
_NOTIFY = select(func.pg_notify(CHANNEL, _HEARD))
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


@dataclass(frozen=True)
class Expanded:
    """What an expand did: the audiences it marked, and what changed if anything held may wait for it."""

    audiences: set[str]
    awaited: Changed


def expand(uow: UnitOfWork, scope: Scope) -> Expanded:
    """Take all change rows that are committed and mark every audience that holds, or could see, what changed.

    Must run in a later transaction than the writes: who is being given the record's parent by another open
    transaction is seen by nobody, until that transaction leaves a change row of its own. Waits for an expand
    that is running, so that whoever expands before reading sees the effects of everything committed before.
    On PostgreSQL the waiting rooms of all processes hear of the marks when this commits.
    """
    # One at a time (on SQLite all who write are): two that delete the same rows in another order deadlock.
    on_postgresql = dialect_of(uow.session) == "postgresql"
    if on_postgresql:
        begin_expand(uow.session)
    changed = take_changes(uow)
    audiences = audiences_of(uow, scope, changed)
    write(uow.session, insert(MARKS), [{"audience": audience} for audience in sorted(audiences)])
    if on_postgresql:
        notify(uow, audiences)
    waits = changed and uow.session.connection().execute(ANY_WAIT).first() is not None
    return Expanded(audiences, changed if waits else {})


def anything_to_expand(uow: UnitOfWork) -> bool:
    """Whether a committed transaction left change rows."""
    return uow.session.connection().execute(select(CHANGES.c.id).limit(1)).first() is not None


def notify(uow: UnitOfWork, audiences: set[str]) -> None:
    """Tell whoever listens on PostgreSQL, at commit, that these audiences have news; a crowd in one word."""
    said = sorted(audiences) if len(audiences) <= MOST_NOTICES else [EVERYBODY.key]
    if said:
        uow.session.connection().execute(_NOTIFY, {"audiences": said})


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
