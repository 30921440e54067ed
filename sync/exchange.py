"""One exchange: push, expand, refresh, read, in this order, each step in its own transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import orjson
from sqlalchemy import update

from schemas.base import write_instant
from schemas.errors import JsonValue
from sync.answer import AnswerText
from sync.cursor import Cursor, Place
from sync.engine import SyncEngine
from sync.facts import DeviceGone
from sync.host import Caller, Look, Snapshot
from sync.journal import begin_journal, doubt
from sync.models import JOURNALS
from sync.pull import Asked, Pull, Start
from sync.push import Push, Pushed
from sync.request import Request, read_request
from sync.sent import read_all
from sync.status import Status
from sync.window import end_of

ROUNDS = 4
"""How often one pull expands and refreshes before it sends what it has; the rest comes with the next pull."""
BUSY_SECONDS = 1
"""When to come again for what writers were too busy to let us finish."""
REVOKED_DEVICES_HEARD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Quiet:
    """The answer to a request without news, which stays the same but for the time: as long as the database
    says the same of the device, and `until` then at the longest.
    """

    rest: bytes
    until: datetime | None

    def answer(self, now: datetime) -> bytes:
        """The JSON text that travels."""
        return b'{"server_now":"' + write_instant(now).encode() + self.rest


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

    def run(self) -> AnswerText:
        """The answer, as the JSON text that travels."""
        with self.engine.host.look() as look:
            status = self._status(look)
        if status is None:
            self.engine.ensure_epoch()
            return self.run()
        if not self.engine.check_identity(status):
            return self.run()
        if (quiet := self.without_news(status, look.now)) is not None:
            return AnswerText(quiet.answer(look.now))  # the usual case, and over after this one statement
        if self._is_quiet(status, look.now) and self._start(status) is not None:
            with ExitStack() as life:
                snapshot = life.enter_context(self.engine.host.snapshot())
                status = self._known_status(snapshot)
                if self._is_quiet(status, snapshot.now) and (start := self._start(status)) is not None:
                    self.pushed = Pushed(status.expected_number, (), new_journal=False)
                    return self._pull(snapshot, status, start, life)
        return self._take_and_give(status)

    def without_news(self, status: Status, now: datetime) -> Quiet | None:
        """The answer if there is no news in either direction; None, and nothing done, if there may be."""
        if not self._is_quiet(status, now):
            return None
        start = self._start(status)
        if start is None or not start.is_at_head(status):
            return None
        self.pushed = Pushed(status.expected_number, (), new_journal=False)
        text = self._head(status.epoch, now) + self._tail_of(self._pull_after(start, status), status.epoch)
        return Quiet(text[text.index(b'","') :], self._quiet_until(status))

    def _quiet_until(self, status: Status) -> datetime | None:
        """When time alone makes news next: the local day ends, or what is held is due."""
        days = [feed.local_day for feed in status.feeds.values() if feed.local_day is not None]
        moments = [end_of(day, self.caller.time_zone) for day in days]
        if status.journal and status.journal.retry_at:
            moments.append(status.journal.retry_at)
        return min(moments, default=None)

    def _take_and_give(self, status: Status) -> AnswerText:
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
        return self._answer_with_pull()

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

    def _answer_with_pull(self) -> AnswerText:
        """Expand and refresh until nothing is left to do (or for a few rounds), then read."""
        for rounds_left in reversed(range(ROUNDS)):
            with ExitStack() as life:
                snapshot = life.enter_context(self.engine.host.snapshot())
                status, now = self._known_status(snapshot), snapshot.now
                unsettled = status.changes_pending or bool(self.engine.stale(self.caller, status, now))
                if rounds_left == 0 or not unsettled:
                    start = self._start(status) or Start({}, resync=True)
                    self.retry_after = BUSY_SECONDS if unsettled else None
                    return self._pull(snapshot, status, start, life)
            self.engine.catch_up(self.caller, status, now)
        raise AssertionError("the last round always reads")

    def _pull(self, snapshot: Snapshot, status: Status, start: Start, life: ExitStack) -> AnswerText:
        """The changes after `start`: a page of them, and the rest, if any, while that page travels.

        `life` ends the snapshot; the rest takes it along.
        """
        pull = self._pull_after(start, status)
        beginning = self._head(status.epoch, snapshot.now) + pull.read_first(snapshot)
        if pull.is_over():
            return AnswerText(beginning + self._tail_of(pull, status.epoch))
        asked = pull.ask(snapshot)
        kept = life.pop_all()
        rest = self._rest(pull, snapshot, asked, status.epoch, kept)
        return AnswerText(beginning, rest, kept.close)

    def _pull_after(self, start: Start, status: Status) -> Pull:
        if start.resync:
            self.directives.append("resync")
        keys = [audience.key for audience in self.caller.audiences]
        return Pull.begin(keys, start, status, self.request.limit)

    def _rest(
        self, pull: Pull, snapshot: Snapshot, asked: Asked | None, epoch: UUID, life: ExitStack
    ) -> Iterator[bytes]:
        """The further pages, each asked for while the one before travels, and what follows the changes."""
        try:
            with life:
                while asked is not None:
                    page = pull.take(asked)
                    asked = None if pull.is_over() else pull.ask(snapshot)
                    if page:
                        yield b"," + page
        except Exception as error:
            # What was sent is good. The device comes for the rest, and is told the trouble then.
            pull.stop()
            why = f"{type(error).__name__} after {pull.found} changes; the device is told to come again"
            self.engine.host.alarm("sync-answer-cut", why)
        yield self._tail_of(pull, epoch)

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

    def _known_status(self, look: Look) -> Status:
        status = self._status(look)
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
            and not status.held_are_due(now)
            and not status.changes_pending
            and not self.engine.stale(self.caller, status, now)
        )

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

    def _answer_restored(self, status: Status) -> AnswerText:
        """The device knows outcomes that we do not: its journal has to come first, then everything anew."""
        epoch, cursor = status.epoch, self._cursor
        if cursor is not None and cursor.epoch == epoch:
            known, expected = self.request.acknowledged, status.expected_number
            why = f"a device knows outcomes up to {known}, the server expects {expected}"
            epoch = self.engine.restored(epoch, why)
        self.directives.append("resync")
        self.pushed = Pushed(status.expected_number, (), new_journal=False)
        return self._answer_without_pull(epoch, None)

    def _answer_revoked(self, status: Status, revoked_at: datetime) -> AnswerText:
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

    def _answer_without_pull(self, epoch: UUID, cursor: str | None, *, more: bool = True) -> AnswerText:
        with self.engine.host.look() as look:
            head = self._head(epoch, look.now)
        return AnswerText(head + self._tail(cursor, more=more, digest=None))

    def _head(self, epoch: UUID, now: datetime) -> bytes:
        """The answer up to its first change."""
        head = {
            "server_now": write_instant(now),
            "epoch": epoch,
            "expected_number": self.pushed.expected_number,
            "outcomes": [answer.to_json() for answer in self.pushed.answers],
        }
        return orjson.dumps(head)[:-1] + b',"changes":['

    def _tail_of(self, pull: Pull, epoch: UUID) -> bytes:
        before = self._cursor
        if before is not None and before.epoch == epoch and before.places == pull.places:
            cursor = self.request.cursor  # it says the same already
        else:
            cursor = self.engine.signer.write(Cursor(epoch, self.caller.device_id, pull.places))
        return self._tail(cursor, more=pull.more, digest=None if pull.more else pull.figures)

    def _tail(self, cursor: str | None, *, more: bool, digest: dict[str, dict[str, object]] | None) -> bytes:
        """The answer after its last change."""
        directives = [*self.directives, *(["new_journal"] if self.pushed.new_journal else ())]
        tail: dict[str, object] = {"cursor": cursor, "more": more, "directives": directives}
        if digest is not None:
            tail["digest"] = digest
        if self.retry_after is not None:
            tail["retry_after"] = self.retry_after
        return b"]," + orjson.dumps(tail)[1:]


def exchange(engine: SyncEngine, caller: Caller, document: JsonValue) -> AnswerText:
    """One round trip of one device. Raises marshmallow's ValidationError for what is no ExchangeRequest."""
    return Exchange(engine, caller, read_request(document)).run()
