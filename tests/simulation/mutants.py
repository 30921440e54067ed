"""Broken servers and a broken phone, each by one well-known mistake: the simulator must find every one."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

import mobile_client_stub.exchange
import sync.push
import sync.status
from mobile_client_stub import journal, records
from mobile_client_stub.words import new_id
from sync.answer import AnswerText
from sync.chunk import Chunk
from sync.exchange import Exchange
from sync.host import Host
from sync.mutations import Outcome
from sync.outcomes import Stored
from sync.push import repeated
from sync.refresh import Refresh
from sync.sent import Sent
from sync.status import Status
from tests.simulation.server import ServerDied

Mutant = Callable[[pytest.MonkeyPatch], None]


def acknowledge_before_commit(patch: pytest.MonkeyPatch) -> None:
    """The answer is on its way while its transaction may still fail."""

    def hasty(host: Host, work: Callable[..., Any]) -> Any:
        result: list[Any] = []
        try:
            with host.begin() as uow:
                result.append(work(uow, True))
        except (ServerDied, Exception):
            return result[0] if result else repeated(host, work)
        return result[0]

    patch.setattr(sync.push, "repeated", hasty)


def no_idempotency_key(patch: pytest.MonkeyPatch) -> None:
    """What comes twice is done twice."""

    def again(self: Chunk, sent: Sent, _: Stored) -> None:
        another = self.origin.uow.mint_id()
        self._store(replace(sent, mutation_id=another), another, self._verdict(sent))
        self.answers[-1] = replace(self.answers[-1], mutation_id=sent.mutation_id)

    patch.setattr(Chunk, "_repeat", again)


def outcome_rolled_back_with_its_refusal(patch: pytest.MonkeyPatch) -> None:
    """A refusal undoes everything that its mutation left, its own outcome included."""
    store = Chunk._store

    def storing_successes(self: Chunk, sent: Sent, mutation_id: Any, verdict: Any) -> None:
        store(self, sent, mutation_id, verdict)
        if verdict.outcome in (Outcome.REFUSED, Outcome.OVERRIDDEN):
            self._new_mutations.pop()
            self._inbox = [entry for entry in self._inbox if entry.mutation_id != mutation_id]

    patch.setattr(Chunk, "_store", storing_successes)


def removal_before_push(patch: pytest.MonkeyPatch) -> None:
    """A phone that pulls first, and for which a removed record takes along what was typed about it."""
    request, apply_staged = mobile_client_stub.exchange._request, records.apply_staged
    turn = itertools.count()

    def pulling_first(*arguments: Any) -> Any:
        asked = request(*arguments)
        return (
            {**asked, "mutations": [], "limit": mobile_client_stub.exchange.PAGE} if next(turn) % 2 else asked
        )

    def forgetting(connection: sqlite3.Connection) -> int:
        connection.execute("DROP TRIGGER IF EXISTS an_unanswered_mutation_is_never_deleted")
        about = "record = :gone OR instr(fields, :gone)"
        gone = [row[0] for row in connection.execute("SELECT id FROM staged WHERE op = 'remove'")]
        forget = f"DELETE FROM mutations WHERE outcome IS NULL AND ({about})"
        if sum(connection.execute(forget, {"gone": record}).rowcount for record in gone):
            journal.start_new_journal(connection, new_id)  # the numbers that are left have a gap
        return apply_staged(connection)

    patch.setattr(mobile_client_stub.exchange, "_request", pulling_first)
    patch.setattr(records, "apply_staged", forgetting)


def content_check_skipped(patch: pytest.MonkeyPatch) -> None:
    """A known id is answered as before, whatever it says now."""

    def trusting(self: Chunk, sent: Sent, stored: Stored) -> None:
        self._enter(sent.number, stored.mutation_id)
        self.answers.append(stored.answer(sent.number))

    patch.setattr(Chunk, "_repeat", trusting)


def restored_server_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """Phones that know more than the server are taken for phones that know less."""

    def going_on(self: Exchange, status: Status) -> AnswerText:
        self._push(status, status.epoch)
        if self.request.limit == 0:
            return self._answer_without_pull(status.epoch, self.request.cursor)
        return self._answer_with_pull()

    patch.setattr(Exchange, "_answer_restored", going_on)
    patch.setattr(Exchange, "_is_beyond_head", lambda *_: False)


def day_never_rolls(patch: pytest.MonkeyPatch) -> None:
    """A feed stays on the day on which it began, and `doorstep check` measures it by that day."""
    day = Refresh.day
    patch.setattr(Refresh, "day", lambda self, known: known or day(self, known))
    patch.setattr(sync.status, "local_day", lambda *_: date.min)


MUTANTS: dict[Mutant, int] = {
    acknowledge_before_commit: 5,
    no_idempotency_key: 1,
    outcome_rolled_back_with_its_refusal: 1,
    removal_before_push: 3,
    content_check_skipped: 1,
    restored_server_not_noticed: 1,
    day_never_rolls: 1,
}
"""Every mutant, and a seed that finds it within 150 steps of an eventful world."""
