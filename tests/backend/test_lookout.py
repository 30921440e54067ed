"""The lookout of a server: what the office writes reaches a waiting phone without anybody having to pull."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend.access.permissions import SYSTEM
from backend.lookout import Listener, Lookout, start_lookout
from backend.sync_host import waiting_room_of
from backend.visits.actions import cancel_visit
from sync.wake import LOOKS_EVERY_WHEN_RUNG
from tests.api import Api
from tests.backend.reports.pocket import Pocket
from tests.clock import SettableClock
from tests.given import reports

SOON = LOOKS_EVERY_WHEN_RUNG - 1.0
"""Sooner than somebody who is not rung would look."""


@pytest.fixture
def work(api: Api) -> reports.Work:
    with api.factory.begin() as uow:
        return reports.a_visit_under_way(uow)


@pytest.fixture
def phone(api: Api, work: reports.Work, clock: SettableClock) -> Pocket:
    pocket = Pocket.enrolled(api, work.technician.id, clock)
    pocket.sync()
    return pocket


@pytest.fixture
def workers(app: Flask) -> Iterator[tuple[Lookout, Listener | None]]:
    lookout, listener = start_lookout(app)
    until(lambda: listener is None or waiting_room_of(app).is_rung)
    yield lookout, listener
    lookout.stop()
    if listener is not None:
        listener.stop()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def wake(phone: Pocket, seconds: int) -> dict[str, Any]:
    answer = phone.client.get("/sync/wake", cursor=phone.cursor, seconds=seconds)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def cancel(api: Api, work: reports.Work) -> None:
    with api.factory.begin() as uow:
        cancel_visit(uow, SYSTEM, work.visit_id, reason="No.")


def rung(app: Flask, phone: Pocket, happens: Callable[[], object]) -> float:
    """Wait, let it happen, and how many seconds it took to be told."""
    heard: list[tuple[dict[str, Any], float]] = []
    waiting = threading.Thread(target=lambda: heard.append((wake(phone, 20), time.monotonic())))
    waiting.start()
    until(lambda: len(waiting_room_of(app)._seats) == 1)
    waiting_room_of(app).is_rung = True  # also on SQLite, where nobody else rings: this process does
    began = time.monotonic()
    happens()
    waiting.join(25)
    ((answer, at),) = heard
    assert answer == {"news": True}
    return at - began


def test_what_the_office_writes_wakes_a_waiting_phone(
    app: Flask, api: Api, phone: Pocket, work: reports.Work, workers: object
) -> None:
    assert wake(phone, 0) == {"news": False}
    assert rung(app, phone, lambda: cancel(api, work)) < SOON
    phone.sync()
    assert phone.one("visits")["status"] == "cancelled"
    assert wake(phone, 0) == {"news": False}


def test_without_lookout_and_listener_it_is_told_a_little_later(
    api: Api, phone: Pocket, work: reports.Work
) -> None:
    cancel(api, work)
    assert wake(phone, 0) == {"news": True}


def test_a_listener_whose_connection_is_ended_listens_again(
    app: Flask, api: Api, phone: Pocket, work: reports.Work, workers: tuple[Lookout, Listener | None]
) -> None:
    if workers[1] is None:
        return  # SQLite has no listener
    room = waiting_room_of(app)
    with api.factory.begin() as uow:
        ended = uow.session.scalars(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        ).all()
    assert ended == [True], "one listening connection per process"
    until(lambda: not room.is_rung)
    until(lambda: room.is_rung)
    assert rung(app, phone, lambda: cancel(api, work)) < SOON


ENDING = """
import os, signal, sys, threading
from uuid import uuid4
from backend.lookout import empty_at_the_end
from sync.wake import WaitingRoom

room = WaitingRoom(1)
ending = empty_at_the_end(room)
signal.signal(signal.SIGTERM, lambda *_: None)  # as the server does, later than we could
with room.seat(uuid4(), []) as seat:
    os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(0 if seat.bell.wait(10) and seat.given_up and room.places == 0 else 1)
"""


def test_a_process_that_is_told_to_end_sends_home_who_waits() -> None:
    assert subprocess.run([sys.executable, "-c", ENDING], check=False, timeout=30).returncode == 0


def test_waiting_is_bounded_in_number_and_time_and_for_phones_only(
    app: Flask, api: Api, phone: Pocket, work: reports.Work
) -> None:
    room = waiting_room_of(app)
    assert room.places == app.extensions["doorstep"].settings.server_threads // 4
    room.places = 0
    assert wake(phone, 25) == {"news": False, "retry_after": 10}
    for query in ({"seconds": 26}, {"seconds": -1}, {"seconds": "x"}, {"cursor": "x" * 5000}):
        assert phone.client.get("/sync/wake", **query).status_code == 422, query
    assert api.of(work.technician.id).get("/sync/wake").status_code == 403, "a browser of a technician"
