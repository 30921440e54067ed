"""A unit of work is stored as a whole or not at all, and who leaves it without an exception is stored."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError

from backend.db.engine import make_engine
from backend.db.outbox_message import OutboxMessage
from backend.db.unit_of_work import Fact, UnitOfWork, UnitOfWorkFactory
from tests.backend.db.probes import Label, Parcel
from tests.databases import Database


@dataclass(frozen=True)
class ParcelPacked(Fact):
    parcel_id: UUID


class Broken(Exception):
    """What these tests raise."""


def a_parcel(**over: object) -> Parcel:
    return Parcel(id=uuid4(), name=str(uuid4()), **over)


def break_after(work: Callable[..., object], *arguments: object, **named: object) -> None:
    work(*arguments, **named)
    raise Broken


def is_stored(factory: UnitOfWorkFactory, record_id: UUID) -> bool:
    with factory.begin(write=False) as uow:
        return uow.session.get(Parcel, record_id) is not None


def test_what_was_added_is_stored_when_the_block_ends(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        parcel = uow.add(a_parcel())
    assert is_stored(factory, parcel.id)
    assert parcel.revision == 1


def test_an_exception_leaves_nothing_behind(factory: UnitOfWorkFactory) -> None:
    parcel = a_parcel()
    with pytest.raises(Broken), factory.begin() as uow:
        break_after(uow.add, parcel)
    assert not is_stored(factory, parcel.id)


def test_a_commit_that_fails_is_never_taken_for_one_that_did_not(factory: UnitOfWorkFactory) -> None:
    def fail(_connection: object) -> None:
        raise Broken

    parcel = a_parcel()
    event.listen(factory.engine, "commit", fail)
    try:
        with pytest.raises(Broken), factory.begin() as uow:
            uow.add(parcel)
    finally:
        event.remove(factory.engine, "commit", fail)
    assert parcel.revision == 1  # it was flushed: only the commit failed
    assert not is_stored(factory, parcel.id)


def test_an_edit_without_flush_is_stored_too(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        parcel = uow.add(a_parcel(weight=1))
    with factory.begin() as uow:
        uow.session.get_one(Parcel, parcel.id).weight = 7
    with factory.begin(write=False) as uow:
        read = uow.session.get_one(Parcel, parcel.id)
        assert (read.weight, read.revision) == (7, 2)


def test_an_edit_of_an_outdated_row_is_refused(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        parcel = uow.add(a_parcel())
    with factory.begin() as uow:
        uow.session.get_one(Parcel, parcel.id).weight = 2
    parcel.weight = 3
    with pytest.raises(StaleDataError), factory.begin() as uow:
        uow.session.add(parcel)


def test_created_at_is_the_time_of_the_unit_unless_it_is_said(engine: Engine) -> None:
    noon, earlier = datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    with UnitOfWorkFactory(engine, lambda: noon).begin() as uow:
        assert uow.add(a_parcel()).created_at == noon
        assert uow.add(a_parcel(created_at=None)).created_at == noon
        assert uow.add(a_parcel(created_at=earlier)).created_at == earlier
        assert uow.now == noon


def test_a_missing_parent_surfaces_where_the_child_is_added(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        with pytest.raises(IntegrityError), uow.savepoint():
            uow.add(Label(id=uuid4(), parcel_id=uuid4(), words="fragile"))
        parent = uow.add(a_parcel())
        uow.add_all(Label(id=uuid4(), parcel_id=parent.id, words=words) for words in ("this", "side", "up"))


def test_deleting_takes_effect_at_once(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        parcel = uow.add(a_parcel())
        uow.delete(parcel)
        count = select(func.count()).select_from(Parcel).where(Parcel.id == parcel.id)
        assert uow.session.scalar(count) == 0


def test_a_savepoint_fails_alone(database: Database) -> None:
    with database.factory.begin() as uow:
        uow.post("mail", {}, key="kept")
        with pytest.raises(Broken), uow.savepoint():
            break_after(uow.post, "mail", {}, key="undone")
        uow.post("mail", {}, key="kept as well")
    with database.factory.begin(write=False) as uow:
        assert set(uow.session.scalars(select(OutboxMessage.key))) == {"kept", "kept as well"}


def test_posting_the_same_effect_twice_asks_for_it_once(database: Database) -> None:
    for words in ("first", "second"):
        with database.factory.begin() as uow:
            uow.post("mail", {"text": words}, key="confirmation of 7")
            uow.post("push", {"text": words}, key="confirmation of 7")
    with database.factory.begin(write=False) as uow:
        posted = uow.session.execute(select(OutboxMessage.kind, OutboxMessage.payload)).all()
    assert sorted(posted) == [("mail", {"text": "first"}), ("push", {"text": "first"})]


def test_a_fact_runs_its_handlers_in_order_and_in_the_transaction(engine: Engine) -> None:
    heard: list[tuple[str, object]] = []

    def note(uow: UnitOfWork, actor: object, fact: ParcelPacked) -> None:
        heard.append(("note", actor))
        uow.session.get_one(Parcel, fact.parcel_id).weight = 5
        uow.flush()

    def refuse(uow: UnitOfWork, _actor: object, fact: ParcelPacked) -> None:
        heard.append(("refuse", uow.session.get_one(Parcel, fact.parcel_id).weight))
        raise Broken

    factory = UnitOfWorkFactory(engine, handlers={ParcelPacked: [note, refuse]})
    with factory.begin() as uow:
        parcel_id = uow.add(a_parcel()).id
        with pytest.raises(Broken), uow.savepoint():
            uow.tell("somebody", ParcelPacked(parcel_id))
        uow.tell("somebody", Fact())
    assert heard == [("note", "somebody"), ("refuse", 5)]
    with factory.begin(write=False) as uow:
        assert uow.session.get_one(Parcel, parcel_id).weight == 1


def test_a_reading_unit_cannot_write(factory: UnitOfWorkFactory) -> None:
    with pytest.raises(DBAPIError), factory.begin(write=False) as uow:
        uow.add(a_parcel())
    with factory.begin() as uow:  # and the connection it used can write again
        uow.add(a_parcel())


def test_a_reading_unit_sees_one_moment(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        parcel = uow.add(a_parcel(weight=1))
    weight = select(Parcel.weight).where(Parcel.id == parcel.id)
    with factory.begin(write=False) as reader:
        before = reader.session.scalar(weight)
        with factory.begin() as writer:
            writer.session.get_one(Parcel, parcel.id).weight = 2
        assert (before, reader.session.scalar(weight)) == (1, 1)
    with factory.begin(write=False) as reader:
        assert reader.session.scalar(weight) == 2


def test_forty_writers_that_read_first_lose_no_update(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        parcel = uow.add(a_parcel(weight=1))

    def add_ten() -> None:
        for _ in range(10):
            with factory.begin() as uow:
                row = uow.session.get_one(Parcel, parcel.id, with_for_update=True)
                row.weight += 1

    failures = run_in_threads(4, add_ten)
    assert failures == []
    with factory.begin(write=False) as uow:
        assert uow.session.get_one(Parcel, parcel.id).weight == 41


def test_sqlite_takes_the_write_lock_at_the_start(sqlite_probes: Engine) -> None:
    factory = UnitOfWorkFactory(sqlite_probes)
    with factory.begin():
        second = sqlite_probes.raw_connection()
        second.driver_connection.execute("PRAGMA busy_timeout = 0")
        with pytest.raises(Exception, match="locked"):
            second.driver_connection.execute("BEGIN IMMEDIATE")
        second.invalidate()


def run_in_threads(count: int, work: Callable[[], None]) -> list[BaseException]:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads: list[Any] = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_a_database_that_cannot_be_opened_is_an_operational_error() -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(OperationalError), UnitOfWorkFactory(engine).begin():
        pass
