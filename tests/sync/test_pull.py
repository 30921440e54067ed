"""An answer of several pages: each a snapshot of its own, and the whole true at whatever point it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import OperationalError

import sync.pull
from sync.answer import AnswerText
from sync.exchange import exchange
from sync.horizon import forget_what_is_past
from sync.models import FEED_ROWS, FEEDS
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.toy import Job, Toy

JOBS = 7
_OTHER_TRANSACTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'
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


def rest_of(answer: AnswerText) -> Iterator[bytes]:
    assert answer.rest is not None, "it was read at once"
    return answer.rest


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


def test_what_changes_while_an_answer_travels_comes_in_it_or_in_the_next(
    toy: Toy, device: Device, technician: UUID
) -> None:
    held = begun(device)
    jobs = [UUID(change["id"]) for change in json.loads(held.beginning + b"]}")["changes"][:2]]
    assert {change["collection"] for change in json.loads(held.beginning + b"]}")["changes"]} == {"jobs"}
    days.change(toy, Job, jobs[0], remark="while it travels")
    days.change(toy, Job, jobs[1], technician_id=None)
    device_of(toy, technician).sync()
    taken_in(device, (held.beginning, *rest_of(held)))
    assert device.records["jobs", str(jobs[0])]["remark"] == "while it travels"
    device.sync()
    assert device.records == days.fresh_scope(toy, technician)


def test_the_limit_counts_for_all_pages_together(device: Device, technician: UUID) -> None:
    answer = device.take_in(
        json.loads(exchange(device.toy.sync, device.caller, device.request(limit=5)).whole())
    )
    assert (len(answer["changes"]), answer["more"], "digest" in answer) == (5, True, False)
    device.sync(limit=5)
    assert device.records == days.fresh_scope(device.toy, technician)


def test_nothing_is_kept_open_while_an_answer_travels(toy: Toy, device: Device) -> None:
    answer = begun(device)
    next(rest_of(answer))
    assert toy.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    if toy.engine.dialect.name == "postgresql":
        with toy.engine.connect() as connection:
            assert connection.execute(text(_OTHER_TRANSACTIONS)).scalar_one() == 0


def test_a_database_that_fails_half_way_makes_the_answer_shorter_and_no_less_true(
    toy: Toy, device: Device, technician: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = begun(device)
    pieces = rest_of(answer)
    sent = [answer.beginning, next(pieces)]

    def gone(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    with monkeypatch.context() as broken:
        broken.setattr(toy.host, "look", gone)
        broken.setattr(toy.host, "is_transient", lambda _: True)
        cut = taken_in(device, (*sent, *pieces))
    assert (len(cut["changes"]), cut["more"], "digest" in cut) == (6, True, False)
    device.sync()
    assert device.records == days.fresh_scope(toy, technician)


def test_a_mistake_half_way_leaves_an_answer_that_nobody_can_take_for_a_whole_one(
    toy: Toy, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = begun(device)

    def wrong(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(toy.host, "look", wrong)
    with pytest.raises(ZeroDivisionError):
        next(rest_of(answer))
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.beginning)


def test_a_server_restored_while_an_answer_travels_ends_it_and_the_next_one_begins_anew(
    toy: Toy, device: Device, technician: UUID
) -> None:
    answer = begun(device)
    with toy.engine.begin() as connection:
        connection.execute(delete(FEED_ROWS))
        connection.execute(update(FEEDS).values(head=0, records=0, digest=0, shape=""))
    cut = taken_in(device, (answer.beginning, *rest_of(answer)))
    assert (len(cut["changes"]), cut["more"]) == (3, True)
    assert "resync" in device.take_in(device.ask())["directives"]
    assert device.records == days.fresh_scope(toy, technician)


def test_removals_that_are_forgotten_while_an_answer_travels_end_it_and_the_device_starts_over(
    toy: Toy, device: Device, technician: UUID
) -> None:
    device.sync()
    jobs = [UUID(id_) for id_ in sorted(device.names("jobs"))]
    for job in jobs:
        days.change(toy, Job, job, technician_id=None)
        device_of(toy, technician).sync()
    answer = begun(device)
    toy.clock.now += timedelta(days=91)
    forget_what_is_past(toy.sync)
    cut = taken_in(device, (answer.beginning, *rest_of(answer)))
    assert cut["more"], "it would have passed for the end"
    assert "resync" in device.sync()["directives"]
    assert device.records == days.fresh_scope(toy, technician)
