"""An answer of several pages: one snapshot, read while it travels, and true at whatever point it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

import sync.feed
import sync.pull
from sync.answer import AnswerText
from sync.exchange import exchange
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.toy import Job, Toy

JOBS = 7
_END_THE_READER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction'
"""
_OPEN = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
"""


@pytest.fixture
def technician() -> UUID:
    return uuid4()


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three changes a page, so that a day has several."""
    monkeypatch.setattr(sync.pull, "PAGE_CHANGES", 3)


@pytest.fixture
def device(toy: Toy, technician: UUID) -> Device:
    """With a day of several pages in one feed and two articles in the other."""
    for _ in range(JOBS):
        days.a_job(toy, technician, lines=0)
    days.an_article(toy)
    days.an_article(toy)
    return device_of(toy, technician)


def begun(device: Device) -> AnswerText:
    return exchange(device.toy.sync, device.caller, device.request())


def taken_in(device: Device, pieces: Iterator[bytes] | tuple[bytes, ...]) -> dict[str, Any]:
    return device.take_in(json.loads(b"".join(pieces)))


def first_job_of(answer: AnswerText) -> str:
    changes = json.loads(answer.beginning + b"]}")["changes"]
    return next(change["id"] for change in changes if change["collection"] == "jobs")


def rest_of(answer: AnswerText) -> Iterator[bytes]:
    assert answer.rest is not None, "it was read at once"
    return answer.rest


def snapshots_open(toy: Toy) -> int:
    if toy.engine.dialect.name == "sqlite":
        return toy.engine.pool.checkedout()  # type: ignore[attr-defined,no-any-return]
    with toy.engine.connect() as connection:
        return connection.execute(text(_OPEN)).scalar_one()  # type: ignore[no-any-return]


def test_an_answer_of_several_pages_is_what_one_page_would_be(
    device: Device, technician: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_pieces = begun(device)
    pieces = [in_pieces.beginning, *rest_of(in_pieces)]
    assert len(pieces) > 3
    monkeypatch.setattr(sync.pull, "PAGE_CHANGES", 1000)
    at_once = begun(device)
    assert at_once.rest is None
    assert json.loads(b"".join(pieces)) == json.loads(at_once.beginning)
    taken_in(device, (at_once.beginning,))
    assert device.records == days.fresh_scope(device.toy, technician)


def test_a_short_answer_is_read_at_once(device: Device, toy: Toy) -> None:
    device.sync()
    days.an_article(toy)
    assert begun(device).rest is None


def test_an_answer_shows_one_moment_however_long_it_travels(
    toy: Toy, device: Device, technician: UUID
) -> None:
    """Else a page could point at what the other feed does not show yet, and nobody would notice."""
    then = days.fresh_scope(toy, technician)
    answer = begun(device)
    days.change(toy, Job, UUID(first_job_of(answer)), remark="while it travels")
    days.a_job(toy, technician)
    days.an_article(toy)
    device_of(toy, technician).sync()
    taken_in(device, (answer.beginning, *rest_of(answer)))
    assert device.records == then
    device.sync()
    assert device.records == days.fresh_scope(toy, technician) != then


def test_the_limit_counts_for_all_pages_together(device: Device, technician: UUID) -> None:
    answer = device.take_in(
        json.loads(exchange(device.toy.sync, device.caller, device.request(limit=5)).whole())
    )
    assert (len(answer["changes"]), answer["more"], "digest" in answer) == (5, True, False)
    device.sync(limit=5)
    assert device.records == days.fresh_scope(device.toy, technician)


@pytest.mark.parametrize("pieces_taken", [0, 1, 100])
def test_an_answer_that_nobody_takes_to_its_end_gives_its_snapshot_back(
    toy: Toy, device: Device, pieces_taken: int
) -> None:
    answer = begun(device)
    assert snapshots_open(toy) == 1
    for _ in zip(range(pieces_taken), rest_of(answer), strict=False):
        pass
    answer.close()
    assert snapshots_open(toy) == 0


def test_what_fails_half_way_makes_the_answer_shorter_and_no_less_true(
    toy: Toy, device: Device, technician: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = begun(device)
    pieces = rest_of(answer)
    sent = [answer.beginning, next(pieces)]

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as breaking:
        breaking.setattr(sync.feed, "_page_in", broken)
        cut = taken_in(device, (*sent, *pieces))
    assert (len(cut["changes"]), cut["more"], "digest" in cut) == (6, True, False)
    assert toy.host.alarms == ["sync-answer-cut"]
    assert snapshots_open(toy) == 0
    device.sync()
    assert device.records == days.fresh_scope(toy, technician)


def test_a_connection_that_breaks_half_way_makes_the_answer_shorter_too(pg: Toy, technician: UUID) -> None:
    for _ in range(JOBS):
        days.a_job(pg, technician, lines=0)
    device = device_of(pg, technician)
    answer = begun(device)
    with pg.engine.connect() as connection:
        connection.execute(text(_END_THE_READER))
    cut = taken_in(device, (answer.beginning, *rest_of(answer)))
    assert (len(cut["changes"]), cut["more"]) == (6, True), "the second page was asked for before"
    assert pg.host.alarms == ["sync-answer-cut"]
    device.sync()
    assert device.records == days.fresh_scope(pg, technician)
