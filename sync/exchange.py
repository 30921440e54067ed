"""One exchange: push, expand, refresh, read, in this order, each step in its own transactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import cast
from uuid import UUID

import orjson
from sqlalchemy import update

from schemas.base import write_instant
from schemas.errors import JsonValue
from schemas.sync import ExchangeRequest
from sync.cursor import Cursor, Place
from sync.engine import SyncEngine
from sync.facts import DeviceGone
from sync.feed import NEVER_SENT, hexadecimal, read_page
from sync.host import Audience, Caller, Look, UnitOfWork
from sync.journal import begin_journal, doubt
from sync.models import JOURNALS
from sync.push import Push, Pushed
from sync.sent import read_all, read_moment
from sync.sql import dialect_of
from sync.status import Status

ROUNDS = 4
"""How often one pull expands and refreshes before it sends what it has; the rest comes with the next pull."""
BUSY_SECONDS = 1
"""When to come again for what writers were too busy to let us finish."""
REVOKED_DEVICES_HEARD = timedelta(days=30)

_REQUEST = ExchangeRequest()


@dataclass(frozen=True)
class Request:
    """An ExchangeRequest, read."""

    journal: UUID
    acknowledged: int
    device_now: datetime | None
    cursor: str | None
    limit: int
    mutations: Sequence[JsonValue]
    journal_start: int | None


@dataclass(frozen=True)
class Start:
    """Where a pull begins: a place per feed, and whether the device must replace what it holds."""

    places: dict[str, Place]
    resync: bool

    def is_at_head(self, status: Status) -> bool:
        """Whether the device has all of every feed already, so that there is nothing to read."""
        feeds = status.feeds
        return all(key in feeds and place.position == feeds[key].head for key, place in self.places.items())


@dataclass
class Pulled:
    """The changes of one answer: wire texts, where the device is afterwards, each feed's figures."""

    texts: list[bytes] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    figures: dict[str, dict[str, object]] = field(default_factory=dict)
    more: bool = False


def read_request(document: JsonValue) -> Request:
    """The request; raises marshmallow's ValidationError."""
    read = _REQUEST.load(cast("dict[str, JsonValue]", document))
    return Request(
        read["journal"],
        read["acknowledged"],
        read_moment(read["device_now"]),
        read["cursor"],
        read["limit"],
        read["mutations"],
        read.get("journal_start"),
    )


@dataclass
class Exchange:
    """One request of one device.

    `run` raises MutationGap, DeviceGone or ServerBusy; nothing is lost by any of them: whatever was taken in
    before has its outcome stored.
    """

    engine: SyncEngine
    caller: Caller
    request: Request
    pushed: Pushed = field(init=False)
    directives: list[str] = field(default_factory=list)
    retry_after: int | None = None

    def run(self) -> bytes:
        """The answer, as the JSON text that travels."""
        with self.engine.host.look() as look:
            status = self._status(look)
        if status is None:
            self.engine.ensure_epoch()
            return self.run()
        if not self.engine.check_identity(status):
            return self.run()
        if (answer := self.without_news(status, look.now)) is not None:
            return answer  # the usual case, and over after this one statement
        if self._is_quiet(status, look.now) and self._start(status) is not None:
            with self.engine.host.begin(write=False) as uow:
                status = self._known_status(uow)
                if self._is_quiet(status, uow.now) and (start := self._start(status)) is not None:
                    self.pushed = Pushed(status.expected_number, (), new_journal=False)
                    return self._pull(uow, uow.now, status, start)
        return self._take_and_give(status)

    def without_news(self, status: Status, now: datetime) -> bytes | None:
        """The answer if there is no news in either direction; None, and nothing done, if there may be."""
        if not self._is_quiet(status, now):
            return None
        start = self._start(status)
        if start is None or not start.is_at_head(status):
            return None
        self.pushed = Pushed(status.expected_number, (), new_journal=False)
        return self._pull(None, now, status, start)

    def _take_and_give(self, status: Status) -> bytes:
        if status.journal is not None and status.journal.user_id != self.caller.user_id:
            # Another user's journal: nothing in it can be told apart from theirs.
            self.pushed = Pushed(1, (), new_journal=True)
            return self._answer_without_pull(status.epoch, self.request.cursor)
        if self.request.acknowledged >= status.expected_number and self._must_send_again(status):
            return self._answer_restored(status)
        if self.caller.revoked_at is not None:
            return self._answer_revoked(status, self.caller.revoked_at)
        epoch = status.epoch
        if self._is_beyond_head(status):
            epoch = self.engine.restored(epoch, "a device is further in its feed than the server")
        self._push(status, epoch)
        if self.request.limit == 0:
            return self._answer_without_pull(epoch, self.request.cursor)
        return self._bring_up_to_date()

    def _push(self, status: Status, epoch: UUID) -> None:
        believed = self._cursor
        push = Push(
            self.engine.host,
            self.engine.collections,
            self.engine.mutations,
            self.caller,
            self.request.journal,
            epoch,
            believed.epoch if believed else None,
            self.request.acknowledged,
            self.request.device_now,
        )
        acknowledged = min(self.request.acknowledged, status.expected_number - 1)
        sent = read_all(self.request.mutations, acknowledged + 1)
        self.pushed = push.run(sent, status.expected_number, self.request.journal_start)
        waiting = self.pushed.held if sent else status.journal is not None and status.journal.retry_at
        if waiting and self.caller.revoked_at is None:
            push.retry_held(pushed=bool(sent))

    def _bring_up_to_date(self) -> bytes:
        """Expand and refresh until nothing is left to do (or for a few rounds), then read."""
        for rounds_left in reversed(range(ROUNDS)):
            with self.engine.host.begin(write=False) as uow:
                status = self._known_status(uow)
                stale = self._stale(status, uow.now)
                unsettled = bool(status.changes_pending or stale)
                if rounds_left == 0 or not unsettled:
                    start = self._start(status) or Start({}, resync=True)
                    return self._pull(uow, uow.now, status, start, unsettled=unsettled)
            if status.changes_pending:
                self.engine.expand()
                with self.engine.host.begin(write=False) as uow:
                    stale = self._stale(self._known_status(uow), uow.now)
            for audience in stale:
                self.engine.refresh(audience, self.caller.time_zone)
        raise AssertionError("the last round always reads")

    def _pull(
        self,
        snapshot: UnitOfWork | None,
        now: datetime,
        status: Status,
        start: Start,
        *,
        unsettled: bool = False,
    ) -> bytes:
        """Read the pages of all feeds from the snapshot of the status; None when there is nothing to read."""
        self.retry_after = BUSY_SECONDS if unsettled else None
        if start.resync:
            self.directives.append("resync")
        pulled, room = Pulled(), self.request.limit
        for audience in self.caller.audiences:
            key, place = audience.key, start.places.get(audience.key, Place(0))
            feed = status.feeds.get(key)
            if feed is None:
                pulled.places[key] = Place(0)
                continue
            if place.position < feed.head:
                if room == 0:
                    pulled.more, pulled.places[key] = True, place
                    continue
                assert snapshot is not None, "a device at the head of every feed has nothing to read"
                place, found = self._read(snapshot, key, place, room, pulled)
                room -= found
            pulled.places[key] = place
            pulled.figures[key] = {"count": feed.records, "hash": hexadecimal(feed.digest)}
        return self._answer(status.epoch, now, pulled)

    def _read(self, uow: UnitOfWork, key: str, place: Place, room: int, pulled: Pulled) -> tuple[Place, int]:
        fresh = place.position == 0
        started = NEVER_SENT if fresh else place.started
        page = read_page(uow.look, dialect_of(uow.session), key, place.position, started, room)
        assert page is not None, "the status of the same snapshot knows the feed"
        if page.wire:
            pulled.texts.append(page.wire)
        pulled.more = pulled.more or page.more
        began = page.head if fresh else place.started
        return Place(page.last, began if page.last < began else 0), page.found

    def _start(self, status: Status) -> Start | None:
        """Where the pull begins; None when the cursor is ahead of us, as only a restored server explains."""
        keys = [audience.key for audience in self.caller.audiences]
        nowhere = {key: Place(0) for key in keys}
        if self.request.cursor is None:
            return Start(nowhere, resync=False)
        cursor = self._cursor
        if (
            cursor is None
            or cursor.epoch != status.epoch
            or cursor.device_id != self.caller.device_id
            or not set(cursor.places) <= set(keys)
        ):
            return Start(nowhere, resync=True)
        if self._is_beyond_head(status):
            return None
        for key, place in cursor.places.items():
            floor = status.feeds[key].floor if key in status.feeds else 0
            if 0 < place.position < floor and place.started < floor:
                return Start(nowhere, resync=True)
        return Start({**nowhere, **cursor.places}, resync=False)

    def _is_beyond_head(self, status: Status) -> bool:
        cursor = self._cursor
        if cursor is None or cursor.epoch != status.epoch:
            return False
        heads = {key: feed.head for key, feed in status.feeds.items()}
        keys = {audience.key for audience in self.caller.audiences}
        return any(place.position > heads.get(key, 0) for key, place in cursor.places.items() if key in keys)

    @cached_property
    def _cursor(self) -> Cursor | None:
        return None if self.request.cursor is None else self.engine.signer.read(self.request.cursor)

    def _status(self, look: Look) -> Status | None:
        return self.engine.status(look, self.request.journal, self.caller.audiences)

    def _known_status(self, uow: UnitOfWork) -> Status:
        status = self._status(uow.look)
        assert status is not None, "an epoch never goes away"
        return status

    def _is_quiet(self, status: Status, now: datetime) -> bool:
        """Whether there is nothing to do but to read."""
        return (
            self.caller.revoked_at is None
            and not self.request.mutations
            and self.request.limit > 0
            and status.identity in (None, status.known_identity)
            and self.request.acknowledged < status.expected_number
            and (status.journal is None or status.journal.user_id == self.caller.user_id)
            and not self._held_are_due(status, now)
            and not status.changes_pending
            and not self._stale(status, now)
        )

    def _stale(self, status: Status, now: datetime) -> list[Audience]:
        """The caller's audiences whose feeds may differ from their scope, expands left aside."""
        zone, collections = self.caller.time_zone, self.engine.collections
        return [a for a in self.caller.audiences if status.must_refresh(a, collections, zone, now)]

    def _held_are_due(self, status: Status, now: datetime) -> bool:
        retry_at = status.journal.retry_at if status.journal else None
        return retry_at is not None and retry_at <= now

    def _must_send_again(self, status: Status) -> bool:
        """Whether to ask a device that says it knows more outcomes than we do for its journal.

        A cursor of ours proves that it was here. Without one it may be the device that is wrong: it is asked
        once, everybody else stays as they are, and when it says the same again it is served all the same.
        """
        if self._cursor is not None:
            return True
        numbers = [sent.number for sent in read_all(self.request.mutations, status.expected_number)]
        through = max([self.request.acknowledged, *numbers])
        with self.engine.host.begin() as uow:
            is_new = doubt(uow, self.caller, self.request.journal, through)
        if is_new:
            known, expected = self.request.acknowledged, status.expected_number
            why = f"journal {self.request.journal} says it knows outcomes up to {known}, we expect {expected}"
            self.engine.host.alarm("sync-journal-ahead", f"{why}; it is asked to send again")
        return is_new

    def _answer_restored(self, status: Status) -> bytes:
        """The device knows outcomes that we do not: its journal has to come first, then everything anew."""
        epoch, cursor = status.epoch, self._cursor
        if cursor is not None and cursor.epoch == epoch:
            known, expected = self.request.acknowledged, status.expected_number
            why = f"a device knows outcomes up to {known}, the server expects {expected}"
            epoch = self.engine.restored(epoch, why)
        self.directives.append("resync")
        self.pushed = Pushed(status.expected_number, (), new_journal=False)
        return self._answer_without_pull(epoch, None)

    def _answer_revoked(self, status: Status, revoked_at: datetime) -> bytes:
        """Its work goes to the inbox; nothing is sent any more but the order to wipe."""
        with self.engine.host.begin() as uow:
            now = uow.now
            journal = status.journal
            is_in = not self.request.mutations and self.request.acknowledged >= status.expected_number - 1
            if now - revoked_at > REVOKED_DEVICES_HEARD or (is_in and journal and journal.wiped_at):
                raise DeviceGone("Nothing is taken from it any more.")
            if is_in:
                begin_journal(uow, self.caller, self.request.journal)
                told = update(JOURNALS).where(JOURNALS.c.journal == self.request.journal).values(wiped_at=now)
                uow.session.connection().execute(told)
        self._push(status, status.epoch)
        self.directives.append("wipe")
        return self._answer_without_pull(status.epoch, None, more=False)

    def _answer_without_pull(self, epoch: UUID, cursor: str | None, *, more: bool = True) -> bytes:
        with self.engine.host.look() as look:
            return self._written(epoch, look.now, [], cursor, more=more, digest=None)

    def _answer(self, epoch: UUID, now: datetime, pulled: Pulled) -> bytes:
        before = self._cursor
        if before is not None and before.epoch == epoch and before.places == pulled.places:
            cursor = self.request.cursor  # it says the same already
        else:
            cursor = self.engine.signer.write(Cursor(epoch, self.caller.device_id, pulled.places))
        digest = None if pulled.more else pulled.figures
        return self._written(epoch, now, pulled.texts, cursor, more=pulled.more, digest=digest)

    def _written(
        self,
        epoch: UUID,
        now: datetime,
        texts: list[bytes],
        cursor: str | None,
        *,
        more: bool,
        digest: dict[str, dict[str, object]] | None,
    ) -> bytes:
        """The answer as text; the changes are the stored texts, never parsed or written again."""
        directives = [*self.directives, *(["new_journal"] if self.pushed.new_journal else ())]
        before = {
            "server_now": write_instant(now),
            "epoch": epoch,
            "expected_number": self.pushed.expected_number,
            "outcomes": [answer.to_json() for answer in self.pushed.answers],
        }
        after: dict[str, object] = {"cursor": cursor, "more": more, "directives": directives}
        if digest is not None:
            after["digest"] = digest
        if self.retry_after is not None:
            after["retry_after"] = self.retry_after
        head, tail = orjson.dumps(before)[:-1] + b',"changes":[', b"]," + orjson.dumps(after)[1:]
        return b"".join((head, b",".join(texts), tail))


def exchange(engine: SyncEngine, caller: Caller, document: JsonValue) -> bytes:
    """One round trip of one device. Raises marshmallow's ValidationError for what is no ExchangeRequest."""
    return Exchange(engine, caller, read_request(document)).run()
