"""What a transaction keeps in mind: it holds until the end, and not behind a savepoint that was undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.orm import sessionmaker

from backend.db.unit_of_work import UnitOfWork
from sync.models import CHANGES, FIELD_REVISIONS
from sync.transaction import (
    find,
    forget_absent,
    is_absent,
    keep,
    keep_in_mind,
    lock_rows,
    locked_row,
    row_if_locked,
    told_once,
    write_last,
)
from tests.sync import days
from tests.sync.toy import Job, Toy

BEGUN_AND_GONE = 2_000


class Undone(Exception):
    """What these tests undo a savepoint with."""


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[str]]:
    """What is sent to the database inside the block."""
    sent: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def change(uow: UnitOfWork, job: UUID) -> None:
    locked = locked_row(uow.session, Job, job)
    assert locked is not None
    locked.remark = "not so"
    uow.flush()
    keep(uow.session, ("said",), "inside")


def change_and_fail(uow: UnitOfWork, job: UUID) -> None:
    change(uow, job)
    raise Undone


def test_what_a_transaction_changed_is_written_down_in_one_statement_each(toy: Toy) -> None:
    jobs = [days.a_job(toy, uuid4()) for _ in range(3)]
    toy.sync.expand()
    actor = uuid4()
    with statements_of(toy.engine) as sent, toy.write(actor) as uow:
        for remark in ("one", "two"):
            for job in jobs:
                uow.session.get_one(Job, job).remark = remark
                uow.flush()
    assert len([line for line in sent if line.startswith("INSERT")]) == 2
    with toy.host.begin(write=False) as uow:
        changed = uow.session.connection().execute(select(CHANGES.c.record_id)).scalars().all()
        assert sorted(changed) == sorted(jobs), "once for each record, however often it changed"
        remarks = select(FIELD_REVISIONS.c.revision).where(
            FIELD_REVISIONS.c.field == "remark", FIELD_REVISIONS.c.actor_id == actor
        )
        assert uow.session.connection().execute(remarks).scalars().all() == [3, 3, 3], "the last one counts"


def test_a_factory_that_lies_where_another_one_lay_is_listened_to_as_well() -> None:
    """Python gives new objects the addresses of collected ones, and a library may know them by address."""
    addresses: set[int] = set()
    again = 0
    for _ in range(BEGUN_AND_GONE):
        factory = sessionmaker()
        keep_in_mind(factory)
        again += id(factory) in addresses
        addresses.add(id(factory))
        writer = Mock()
        with factory(bind=create_engine("sqlite://")) as session, session.begin():
            session.connection()
            write_last(session, writer, "an item")
        writer.assert_called_once_with(session, ["an item"])
        if again:
            return
    pytest.fail(f"{BEGUN_AND_GONE} factories, and no address twice: this test shows nothing any more")


def test_what_is_flushed_by_the_commit_itself_is_written_down_too(toy: Toy) -> None:
    job = days.a_job(toy, uuid4())
    toy.sync.expand()
    with toy.write() as uow:
        uow.session.get_one(Job, job).remark = "at the last moment"
    with toy.host.begin(write=False) as uow:
        assert uow.session.connection().execute(select(CHANGES.c.record_id)).scalars().all() == [job]


def test_a_savepoint_that_is_undone_takes_with_it_what_was_left_and_known_since(toy: Toy) -> None:
    job = days.a_job(toy, uuid4())
    toy.sync.expand()
    written: list[object] = []
    with toy.write() as uow:
        keep(uow.session, ("said",), "outside")
        write_last(uow.session, lambda _, items: written.extend(items), "outside")
        keep(uow.session, ("kept",), "before")
        with pytest.raises(Undone), uow.savepoint():
            change_and_fail(uow, job)
        assert find(uow.session, ("kept",)) == "before"
        assert find(uow.session, ("said",)) is None, "who knew better is forgotten, and it is asked again"
        assert row_if_locked(uow.session, Job, job) is None, "its lock went with the savepoint"
    assert written == ["outside"]
    with toy.host.begin(write=False) as uow:
        assert uow.session.connection().execute(select(CHANGES)).all() == []
        assert uow.session.get_one(Job, job).remark == ""


def test_a_savepoint_that_is_kept_keeps_what_was_left_in_it(toy: Toy) -> None:
    job = days.a_job(toy, uuid4())
    toy.sync.expand()
    with toy.write() as uow, uow.savepoint():
        uow.session.get_one(Job, job).remark = "so be it"
        uow.flush()
    with toy.host.begin(write=False) as uow:
        assert uow.session.connection().execute(select(CHANGES.c.record_id)).scalars().all() == [job]


def test_a_transaction_that_fails_leaves_nothing(toy: Toy) -> None:
    job = days.a_job(toy, uuid4())
    toy.sync.expand()
    with pytest.raises(Undone), toy.write() as uow:
        change_and_fail(uow, job)
    with toy.host.begin(write=False) as uow:
        assert uow.session.connection().execute(select(CHANGES)).all() == []


def test_a_row_is_locked_and_read_once(toy: Toy) -> None:
    job, nobody = days.a_job(toy, uuid4()), uuid4()
    with toy.write() as uow:
        assert lock_rows(uow.session, Job, [nobody, job]) == [job]
        with statements_of(toy.engine) as sent:
            row = locked_row(uow.session, Job, job)
            assert row is not None
            assert row.id == job
            assert is_absent(uow.session, Job, nobody)
        assert sent == []
        forget_absent(uow.session)
        assert not is_absent(uow.session, Job, nobody)
        assert row_if_locked(uow.session, Job, job) is row


def test_a_row_deleted_by_the_transaction_is_not_found_again(toy: Toy) -> None:
    job = days.a_job(toy, uuid4(), lines=0)
    with toy.write() as uow:
        row = locked_row(uow.session, Job, job)
        assert row is not None
        uow.delete(row)
        assert locked_row(uow.session, Job, job) is None


def test_an_answer_is_asked_for_again_after_its_table_was_changed(toy: Toy) -> None:
    job = days.a_job(toy, uuid4())
    asked: list[str] = []

    def ask() -> str:
        asked.append("asked")
        return "an answer"

    with toy.write() as uow:
        assert [told_once(uow.session, "toy_jobs", (job,), ask) for _ in range(3)] == ["an answer"] * 3
        assert asked == ["asked"]
        uow.session.get_one(Job, job).remark = "changed"
        uow.flush()
        told_once(uow.session, "toy_jobs", (job,), ask)
        assert asked == ["asked", "asked"]
