"""Push: takes mutations in, chunk by chunk, each one transaction that is repeated when it lost a race."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from schemas.errors import DomainError
from sync.apply import Applier, MustRepeat
from sync.chunk import Chunk, open_chunk
from sync.collections import CollectionSet
from sync.facts import MutationGap, ServerBusy
from sync.held import retry_held
from sync.host import Caller, Host, UnitOfWork
from sync.mutations import MutationTable
from sync.outcomes import Answer
from sync.sent import Sent
from sync.sql import batches

CHUNK = 100
"""Mutations in one transaction: few enough that nobody waits long for their locks."""
ATTEMPTS = 6
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Pushed:
    """What became of a request's mutations. `held`: the journal has some that wait."""

    expected_number: int
    answers: Sequence[Answer]
    new_journal: bool
    held: bool = False


@dataclass(frozen=True)
class Push:
    """The mutations of one request. `epoch` is in force, `cursor_epoch` is what the device believes."""

    host: Host
    collections: CollectionSet
    mutations: MutationTable
    caller: Caller
    journal: UUID
    epoch: UUID
    cursor_epoch: UUID | None
    acknowledged: int
    device_now: datetime | None

    def run(self, sent: Sequence[Sent], expected_number: int, journal_start: int | None) -> Pushed:
        """Take everything up to the first gap; raises MutationGap when that is before the first mutation."""
        answers: list[Answer] = []
        new_journal = held = False
        for part in batches(sent, CHUNK):
            chunk = repeated(self.host, partial(self._chunk, part, journal_start))
            answers += chunk.answers
            expected_number = chunk.expected_number
            new_journal, held = new_journal or chunk.new_journal, bool(chunk.held_records)
            if len(chunk.answers) < len(part):
                break
        if sent and not answers and not new_journal:
            raise MutationGap(
                f"Send mutation {expected_number} first, or say where your journal begins (journal_start).",
                expected_number=expected_number,
            )
        return Pushed(expected_number, answers, new_journal, held)

    def retry_held(self, *, pushed: bool) -> None:
        """Give mutations that wait for a condition another chance."""
        repeated(
            self.host,
            lambda uow, last: retry_held(uow, self._applier(uow, last=last), self.journal, pushed=pushed),
        )

    def _chunk(self, part: Sequence[Sent], journal_start: int | None, uow: UnitOfWork, last: bool) -> Chunk:
        applier = self._applier(uow, last=last)
        chunk = open_chunk(uow, applier, self.journal, part, skew_of(self.device_now, uow.now))
        if journal_start is not None and part[0].number >= journal_start > chunk.expected_number:
            chunk.skip_lost(journal_start)
            self.host.alarm(
                "sync-lost-in-restore", f"journal {self.journal}: nobody has its beginning any more"
            )
        applier.lock_records(part)
        chunk.take_all(part)
        chunk.close(self.acknowledged)
        return chunk

    def _applier(self, uow: UnitOfWork, *, last: bool) -> Applier:
        return Applier(
            self.host, uow, self.caller, self.collections, self.mutations, self.epoch, self.cursor_epoch, last
        )


def repeated(host: Host, work: Callable[[UnitOfWork, bool], T]) -> T:
    """Run `work(uow, is_last_attempt)` in its own transaction, again after a lost race, then ServerBusy."""
    return repeated_in(host.begin, host, work)


def repeated_in(
    begin: Callable[[], AbstractContextManager[U]], host: Host, work: Callable[[U, bool], T]
) -> T:
    """The same in transactions that begin in this way."""
    pause, trouble = _FIRST_PAUSE, cast("Exception | None", None)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with begin() as transaction:
                return work(transaction, attempt == ATTEMPTS)
        except (MustRepeat, IntegrityError) as error:
            trouble = error
        except DomainError:
            raise
        except Exception as error:
            if host.is_database_trouble(error):
                raise ServerBusy("Send the same again in a moment.") from error
            if not host.is_transient(error):
                raise
            trouble = error
        if attempt < ATTEMPTS:
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads racers, keeps no secret
            pause = min(2 * pause, _LONGEST_PAUSE)
    raise ServerBusy("Send the same again in a moment.") from trouble


def skew_of(device_now: datetime | None, now: datetime) -> float | None:
    """Seconds by which the device's clock is ahead of ours, the way of the request included."""
    return None if device_now is None else (device_now - now).total_seconds()
