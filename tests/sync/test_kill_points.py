"""The server dies before or after any of an exchange's commits; nothing is lost and nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from backend.db.unit_of_work import UnitOfWork
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.pausing import Beside
from tests.sync.test_law import assert_law
from tests.sync.toy import Begin, Job, JobLine, Place, Toy, beginning


class Killed(BaseException):
    """kill -9, as far as a process can do it to itself: no handler of ours sees it as an error."""


@contextmanager
def dying_at(toy: Toy, transaction: int, *, committed: bool) -> Iterator[None]:
    """Die at the n-th transaction, just before or just after its commit."""
    numbers = count(1)

    def mortal(begin: Begin) -> Begin:
        @contextmanager
        def begin_or_die(**how: bool) -> Iterator[object]:
            mine = next(numbers)
            with begin(**how) as begun:
                yield begun
                if mine == transaction and not committed:
                    raise Killed
            if mine == transaction and committed:
                raise Killed

        return begin_or_die

    with beginning(toy, mortal):
        yield


def a_day(toy: Toy) -> tuple[Device, Device, UUID]:
    """A technician with work in the journal, some of it contested, while the office changes things."""
    technician, other = uuid4(), uuid4()
    job, moved = days.a_job(toy, technician), days.a_job(toy, technician)
    device, colleague = device_of(toy, technician), device_of(toy, other)
    device.sync()
    device.do("job.start", job)
    device.do("job_line.add", uuid4(), job_id=str(job), text="hose")
    device.do("job.start", moved)
    device.do("job_line.add", uuid4(), job_id=str(job), text="crash")
    device.do("job.finish", job)
    days.change(toy, Job, moved, technician_id=other)
    return device, colleague, job


def transactions_of_a_sync(toy: Toy) -> int:
    """How many transactions the day's exchange takes when nobody dies."""
    device, _, _ = a_day(toy)
    numbers = count()

    def counted(begin: Begin) -> Begin:
        def begin_and_count(**how: bool) -> AbstractContextManager[object]:
            next(numbers)
            return begin(**how)

        return begin_and_count

    with beginning(toy, counted):
        device.sync()
    return next(numbers)


@pytest.mark.parametrize("committed", [False, True], ids=["before commit", "after commit"])
def test_dying_at_any_transaction_loses_and_doubles_nothing(toy: Toy, committed: bool) -> None:
    # Every one on SQLite; on PostgreSQL, where all takes longer, every second one each way.
    first, step = (1, 1) if toy.engine.dialect.name == "sqlite" else (1 + committed, 2)
    for transaction in range(first, transactions_of_a_sync(toy) + 1, step):
        device, colleague, job = a_day(toy)
        with dying_at(toy, transaction, committed=committed), pytest.raises(Killed):
            device.sync()
        toy.host.alarms.clear()
        device.sync()
        with toy.host.begin(write=False) as uow:
            assert uow.session.get_one(Job, job).state == "finished"
            assert (
                uow.session.scalars(select(JobLine.text).where(JobLine.text == "hose")).all().count("hose")
                >= 1
            )
        assert [device.outcomes[n]["outcome"] for n in range(1, 6)] == [
            "applied",
            "applied",
            "overridden",
            "held",
            "applied",
        ]
        assert_law(toy, [device, colleague])


@pytest.mark.parametrize("lost", range(4))
def test_replies_that_are_dropped_or_come_twice_change_nothing(toy: Toy, lost: int) -> None:
    device, colleague, job = a_day(toy)
    for _ in range(lost):
        device.ask(limit=2)
    answer = device.ask(limit=2)
    device.take_in(answer)
    device.sync(limit=2)
    assert [body["text"] for (name, _), body in device.records.items() if name == "job_lines"].count(
        "hose"
    ) == 1
    assert device.records["jobs", str(job)]["state"] == "finished"
    assert_law(toy, [device, colleague])


@contextmanager
def doing_instead(toy: Toy, name: str, use_case: Callable[..., object]) -> Iterator[None]:
    """Another use case behind one mutation type."""
    table = toy.sync.mutations._by_name
    original = table[name]
    table[name] = replace(original, use_case=use_case)
    try:
        yield
    finally:
        table[name] = original


def test_a_chunk_that_loses_a_race_is_repeated_as_a_whole_and_applied_once(pg: Toy) -> None:
    device, colleague, job = a_day(pg)
    attempts: list[UUID] = []

    def races(uow: UnitOfWork, actor: Any, line: UUID, *, job_id: UUID, text: str, **_: Any) -> None:
        row = uow.session.get_one(Job, job_id)
        attempts.append(line)
        if len(attempts) == 1:
            days.change(pg, Job, job_id, price=7)  # somebody commits between our reading and writing
        row.remark = text
        uow.flush()

    other = days.a_job(pg, device.caller.user_id)
    device.mutations[0:] = []
    device.do("job.start", job)
    device.do("job_line.add", uuid4(), job_id=str(other), text="hose")
    with doing_instead(pg, "job_line.add", races):
        answer = device.sync()
    assert [outcome["outcome"] for outcome in answer["outcomes"]] == ["applied", "applied"]
    assert len(attempts) == 2
    assert device.records["jobs", str(other)]["price"] == 7
    assert_law(pg, [device, colleague])


def test_pushes_that_deadlock_are_repeated(pg: Toy) -> None:
    technician = uuid4()
    jobs = [days.a_job(pg, technician, lines=0) for _ in range(2)]
    devices = [device_of(pg, technician) for _ in range(2)]
    meet = threading.Barrier(2)
    attempts: list[int] = []

    def crosses(uow: UnitOfWork, actor: Any, line: UUID, *, job_id: UUID, text: str, **_: Any) -> None:
        attempts.append(1)
        for job in jobs if text == "up" else reversed(jobs):
            uow.session.get_one(Job, job, with_for_update=True)
            with suppress(threading.BrokenBarrierError):
                meet.wait(0.5)
        uow.add(JobLine(id=line, job_id=job_id, text=text))

    for device, text in zip(devices, ("up", "down"), strict=True):
        device.do("job_line.add", uuid4(), job_id=str(jobs[0]), text=text)
    with doing_instead(pg, "job_line.add", crosses), Beside(devices[0].sync):
        devices[1].sync()
    assert len(attempts) > 2, "they were meant to deadlock"
    assert [d.outcomes[1]["outcome"] for d in devices] == ["applied", "applied"]
    assert_law(pg, devices)


def test_many_phones_at_once_lose_and_double_nothing(toy: Toy) -> None:
    technicians = [uuid4() for _ in range(3)]
    place = days.a_place(toy)
    jobs = {t: days.a_job(toy, t, order=days.an_order(toy, place), lines=0) for t in technicians}
    devices = [device_of(toy, t) for t in technicians for _ in range(2)]

    def work(device: Device) -> None:
        for n in range(6):
            device.do("job_line.add", uuid4(), job_id=str(jobs[device.caller.user_id]), text=f"{n}")
            device.sync()

    def rename() -> None:
        for n in range(10):
            days.change(toy, Place, place, name=f"Mill Lane {n}")

    threads = [threading.Thread(target=work, args=(device,)) for device in devices]
    threads.append(threading.Thread(target=rename))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(device.outcomes) == 6 for device in devices)
    assert_law(toy, devices)
    assert len(devices[0].names("job_lines")) == 12
