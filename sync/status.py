"""How things stand for one device, read in one statement: what makes an exchange without news cheap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, bindparam, exists, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from sync.collections import EVERYONE, CollectionSet
from sync.host import Audience, Look
from sync.models import CHANGES, FEEDS, FLOORS, JOURNALS, MARKS, STATE
from sync.window import local_day

NO_JOURNAL = UUID(int=0)
"""Asked with by whoever wants to know about feeds alone: nobody has it."""


@dataclass(frozen=True)
class FeedStatus:
    """One feed's figures. `floor`: removals up to there are forgotten."""

    head: int
    records: int
    digest: int
    local_day: date | None
    time_zone: str
    shape: str
    marked: bool
    floor: int


@dataclass(frozen=True)
class JournalStatus:
    """One journal's figures. `retry_at`: when the first of its held mutations is to be tried again."""

    user_id: UUID
    expected_number: int
    acknowledged: int
    held: int
    retry_at: datetime | None
    wiped_at: datetime | None


@dataclass(frozen=True)
class Status:
    """Everything an exchange must know before it does anything."""

    epoch: UUID
    known_identity: str | None
    identity: str | None
    changes_pending: bool
    journal: JournalStatus | None
    feeds: Mapping[str, FeedStatus]

    @property
    def expected_number(self) -> int:
        """The number of the next mutation; 1 for a journal nobody has seen."""
        return self.journal.expected_number if self.journal else 1

    def held_are_due(self, now: datetime) -> bool:
        """Whether a mutation that was held is to be tried again."""
        retry_at = self.journal.retry_at if self.journal else None
        return retry_at is not None and retry_at <= now

    def must_refresh(
        self, audience: Audience, collections: CollectionSet, time_zone: str, now: datetime
    ) -> bool:
        """Whether this audience's feed may differ from its scope, expands left aside."""
        feed = self.feeds.get(audience.key)
        if feed is None or feed.marked or collections.must_rewrite(audience.kind, feed.shape):
            return True
        if audience.kind == EVERYONE:
            return False
        return (
            feed.local_day is None
            or feed.time_zone != time_zone
            or local_day(now, time_zone) > feed.local_day
        )


def read_status(
    look: Look, identity: ColumnElement[str | None], journal: UUID, audiences: Sequence[Audience]
) -> Status | None:
    """The status, None for a database that has no epoch yet."""
    keys = [audience.key for audience in audiences]
    return status_in(look.all(status_statement(identity, len(keys)), status_parameters(journal, keys)))


def status_parameters(journal: UUID, keys: Sequence[str]) -> dict[str, object]:
    """What `status_statement` is asked with: the device's journal and its feeds."""
    return {"journal": journal, **{_name(place): key for place, key in enumerate(keys)}}


def status_in(rows: Sequence[Sequence[Any]]) -> Status | None:
    """The status in the rows of `status_statement`, None when there are none."""
    if not rows:
        return None
    epoch, known_identity, says, pending, _, *of_journal = rows[0][:11]
    known = JournalStatus(*of_journal) if of_journal[0] is not None else None
    feeds = {row[4]: FeedStatus(*row[11:]) for row in rows if row[4] is not None}
    return Status(epoch, known_identity, says, pending, known, feeds)


def _name(place: int) -> str:
    return f"audience_{place}"


@cache
def status_statement(
    identity: ColumnElement[str | None], audiences: int, *, floors: bool = True
) -> Select[Any]:
    """How things stand for a device with so many feeds; a row per feed that is there, one without any.

    Without `floors` they are 0: no floor is above its feed's head, so who is there need not know them.
    """
    marked = exists().where(MARKS.c.audience == FEEDS.c.audience)
    floor = select(func.coalesce(func.max(FLOORS.c.position), 0)).where(FLOORS.c.audience == FEEDS.c.audience)
    joined = STATE.outerjoin(JOURNALS, JOURNALS.c.journal == bindparam("journal")).outerjoin(
        FEEDS, or_(*(FEEDS.c.audience == bindparam(_name(place)) for place in range(audiences)))
    )
    journal, feed = JOURNALS.c, FEEDS.c
    return (
        select(
            STATE.c.epoch,
            STATE.c.server_identity,
            identity.label("identity"),
            exists(select(CHANGES.c.id)).label("pending"),
            feed.audience,
            journal.user_id,
            journal.expected_number,
            journal.acknowledged,
            journal.held,
            journal.retry_at,
            journal.wiped_at,
            feed.head,
            feed.records,
            feed.digest,
            feed.local_day,
            feed.time_zone,
            feed.shape,
            marked.label("marked"),
            (floor.scalar_subquery() if floors else literal_column("0", BigInteger)).label("floor"),
        )
        .select_from(joined)
        .where(STATE.c.id == 1)
    )  # there is no other; said for the planner
