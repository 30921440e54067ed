"""Waiting for news: what is there at once, what comes when it rings, and never more than have a place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from sync.wake import LOOKS_EVERY, Waited, WaitingRoom, wait_for_news
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.toy import Job, Toy

SOON = 3.0


def ask(toy: Toy, device: Device, room: WaitingRoom, seconds: float = 0) -> Waited:
    return wait_for_news(toy.sync, device.caller, room, device.cursor, seconds)


def in_a_thread(work: Callable[[], Waited]) -> tuple[threading.Thread, list[Waited]]:
    found: list[Waited] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    return thread, found


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.fixture
def room() -> WaitingRoom:
    return WaitingRoom(2)


def test_there_is_no_news_after_a_pull_and_some_after_a_change(toy: Toy, room: WaitingRoom) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    assert ask(toy, device, room) == Waited(news=False)
    days.a_job(toy, uuid4())
    assert ask(toy, device, room) == Waited(news=False), "of somebody else"
    days.change(toy, Job, job, remark="news")
    assert ask(toy, device, room) == Waited(news=True)
    device.sync()
    assert ask(toy, device, room) == Waited(news=False)
    toy.clock.pass_days(1)
    assert ask(toy, device, room) == Waited(news=True), "another day shows other jobs"


@pytest.mark.parametrize("cursor", ["nonsense", "", "of another device"])
def test_a_cursor_that_leads_nowhere_is_a_reason_to_exchange_at_once(
    toy: Toy, room: WaitingRoom, cursor: str
) -> None:
    device, other = device_of(toy, uuid4()), device_of(toy, uuid4())
    other.sync()
    device.cursor = other.cursor if cursor == "of another device" else cursor
    assert ask(toy, device, room, seconds=20) == Waited(news=True)


def test_a_new_epoch_is_news(toy: Toy, room: WaitingRoom) -> None:
    device = device_of(toy, uuid4())
    epoch = device.sync()["epoch"]
    toy.sync.restored(UUID(epoch), "a test")
    assert ask(toy, device, room, seconds=20) == Waited(news=True)


def test_who_waits_hears_of_a_change_within_a_moment(toy: Toy, room: WaitingRoom) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    thread, found = in_a_thread(lambda: ask(toy, device, room, seconds=20))
    until(lambda: len(room._seats) == 1)
    days.change(toy, Job, job, remark="news")
    thread.join(SOON + LOOKS_EVERY)
    assert found == [Waited(news=True)]
    assert room._seats == {}


def test_a_ring_is_heard_before_the_next_look(toy: Toy, room: WaitingRoom) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    room.is_rung = True  # so nobody looks for five seconds
    thread, found = in_a_thread(lambda: ask(toy, device, room, seconds=20))
    until(lambda: len(room._seats) == 1)
    days.change(toy, Job, job, remark="news")
    for audience in toy.sync.look_after():
        room.ring(audience)
    thread.join(SOON)
    assert found == [Waited(news=True)]


def test_who_finds_no_place_is_answered_at_once_and_told_to_stay_away(toy: Toy, room: WaitingRoom) -> None:
    device = device_of(toy, uuid4())
    device.sync()
    with room.seat(uuid4(), []), room.seat(uuid4(), []):
        began = time.monotonic()
        assert ask(toy, device, room, seconds=20) == Waited(news=False, was_full=True)
        assert time.monotonic() - began < SOON
    assert not ask(toy, device, room).was_full


def test_a_device_that_asks_again_takes_its_own_place(room: WaitingRoom) -> None:
    device = uuid4()
    with room.seat(device, []) as first, room.seat(device, []) as second, room.seat(uuid4(), []) as third:
        assert first is not None
        assert first.given_up
        assert first.bell.is_set()
        assert None not in (second, third)
        assert len(room._seats) == 2
    assert room._seats == {}


def test_everybody_is_sent_home_when_the_room_closes(toy: Toy, room: WaitingRoom) -> None:
    device = device_of(toy, uuid4())
    device.sync()
    room.is_rung = True
    thread, found = in_a_thread(lambda: ask(toy, device, room, seconds=20))
    until(lambda: len(room._seats) == 1)
    room.close()
    thread.join(SOON)
    assert found == [Waited(news=False)]
    assert ask(toy, device, room, seconds=20).was_full


def test_a_room_without_places_lets_nobody_wait() -> None:
    with WaitingRoom(0).seat(uuid4(), []) as seat:
        assert seat is None


def test_only_those_whom_it_concerns_are_rung(room: WaitingRoom) -> None:
    with room.seat(uuid4(), ["technician:1", "everyone"]) as one, room.seat(uuid4(), ["everyone"]) as other:
        assert one is not None
        assert other is not None
        room.ring("technician:1")
        assert (one.bell.is_set(), other.bell.is_set()) == (True, False)
        room.ring("everyone")
        assert other.bell.is_set()
