"""A straight transaction is whole or not at all, and gives the values and errors that a session would."""

import gc
import weakref
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, Select, Uuid, bindparam, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.db.engine import looking, make_engine
from backend.db.faults import is_connection_trouble, is_transient
from backend.db.look import Looks
from backend.db.straight import Straight
from backend.db.types import Coordinates
from backend.db.unit_of_work import UnitOfWorkFactory
from tests.backend.db.probes import Mood, Parcel

COLUMNS = Parcel.__table__.c
ON_POSTGRESQL = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
_THIS = COLUMNS.id == bindparam("this", type_=Uuid)
_WEIGH = update(Parcel.__table__).where(_THIS).values(weight=bindparam("to"))
_WEIGHT = select(COLUMNS.weight).where(_THIS)
_ALL = select(*COLUMNS).where(_THIS)


def parcels(factory: UnitOfWorkFactory, count: int = 1) -> list[UUID]:
    with factory.begin() as uow:
        return [uow.add(Parcel(id=uuid4(), name=str(uuid4()))).id for _ in range(count)]


def weight(factory: UnitOfWorkFactory, parcel: UUID) -> int:
    with factory.begin(write=False) as uow:
        return uow.session.get_one(Parcel, parcel).weight


def break_off(straight: Straight, parcel: UUID) -> None:
    straight.run(_WEIGH, {"this": parcel, "to": 5})
    raise KeyboardInterrupt


def fail_in_silence(straight: Straight, first: UUID, second: UUID) -> None:
    straight.run(_WEIGH, {"this": first, "to": 9})
    with pytest.raises(IntegrityError):
        straight.run(_WEIGH, {"this": second, "to": 0})


def write_on_a_broken_connection(straight: Straight, engine: Engine, parcel: UUID) -> None:
    ((ours,),) = straight.run(select(text("pg_backend_pid()")), {})
    with engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:ours, 5000)"), {"ours": ours})
    straight.run(_WEIGH, {"this": parcel, "to": 5})


def test_what_it_wrote_is_stored_when_the_block_ends(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with factory.begin_straight() as straight:
        assert straight.run(_WEIGH, {"this": parcel, "to": 5}) in ([], ())
        assert straight.run(_WEIGHT, {"this": parcel})[0][0] == 5
    assert weight(factory, parcel) == 5


def test_an_exception_leaves_nothing_behind(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with pytest.raises(KeyboardInterrupt), factory.begin_straight() as straight:
        break_off(straight, parcel)
    assert weight(factory, parcel) == 1
    with factory.begin_straight() as straight:
        straight.run(_WEIGH, {"this": parcel, "to": 6})
    assert weight(factory, parcel) == 6, "the connection is as good as before"


def test_what_waits_is_run_in_its_order(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with factory.begin_straight() as straight:
        straight.later(_WEIGH, {"this": parcel, "to": 5})
        between = straight.later(_WEIGHT, {"this": parcel})
        straight.later(_WEIGH, {"this": parcel, "to": 6})
        assert between()[0][0] == 5
        straight.later(_WEIGH, {"this": parcel, "to": 7})
    assert weight(factory, parcel) == 7


def write_what_fails_when_it_is_sent(straight: Straight, first: UUID, second: UUID) -> None:
    straight.later(_WEIGH, {"this": first, "to": 5})
    straight.later(_WEIGH, {"this": second, "to": 0})
    straight.later(_WEIGH, {"this": first, "to": 6})


def test_what_waits_and_fails_takes_all_with_it(factory: UnitOfWorkFactory) -> None:
    first, second = parcels(factory, 2)
    with pytest.raises(IntegrityError), factory.begin_straight() as straight:
        write_what_fails_when_it_is_sent(straight, first, second)
    assert weight(factory, first) == 1
    with factory.begin_straight() as straight:
        straight.run(_WEIGH, {"this": first, "to": 8})
    assert weight(factory, first) == 8, "the connection is as good as before"


def test_a_list_of_parameters_runs_a_statement_once_for_each(factory: UnitOfWorkFactory) -> None:
    first, second = parcels(factory, 2)
    with factory.begin_straight() as straight:
        straight.run(_WEIGH, [{"this": first, "to": 7}, {"this": second, "to": 8}])
    assert (weight(factory, first), weight(factory, second)) == (7, 8)


def test_values_are_what_their_columns_say(factory: UnitOfWorkFactory) -> None:
    packed = datetime(2026, 3, 1, 8, tzinfo=UTC)
    with factory.begin() as uow:
        parcel = uow.add(
            Parcel(
                id=uuid4(),
                name=str(uuid4()),
                mood=Mood.BAD,
                packed_at=packed,
                place=Coordinates(1.5, 2.5),
                papers={"a": [1]},
            )
        )
    with factory.begin_straight() as straight:
        (row,) = straight.run(_ALL, {"this": parcel.id})
    names = [column.name for column in COLUMNS]
    read = dict(zip(names, row, strict=True))
    assert read == {name: getattr(parcel, name) for name in names}
    assert isinstance(read["mood"], Mood)
    assert read["packed_at"].utcoffset() == packed.utcoffset()


def test_an_error_is_the_one_that_a_session_would_raise(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with pytest.raises(IntegrityError), factory.begin_straight() as straight:
        straight.run(_WEIGH, {"this": parcel, "to": 0})


@ON_POSTGRESQL
def test_a_transaction_in_which_a_statement_failed_is_never_taken_for_committed(
    factory: UnitOfWorkFactory,
) -> None:
    first, second = parcels(factory, 2)
    with pytest.raises(DBAPIError, match="nothing was committed"), factory.begin_straight() as straight:
        fail_in_silence(straight, first, second)
    assert weight(factory, first) == 1


@ON_POSTGRESQL
def test_a_lock_that_somebody_holds_is_trouble_that_passes(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with factory.begin() as holding:
        holding.session.get_one(Parcel, parcel).weight = 3
        holding.flush()
        with pytest.raises(DBAPIError) as caught, factory.begin_straight() as straight:
            straight.run(_WEIGH, {"this": parcel, "to": 2})
    assert is_transient(caught.value)


@ON_POSTGRESQL
def test_each_statement_sees_what_was_committed_before_it(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with factory.begin_straight() as straight:
        assert straight.run(_WEIGHT, {"this": parcel})[0][0] == 1
        with factory.begin() as uow:
            uow.session.get_one(Parcel, parcel).weight = 4
        assert straight.run(_WEIGHT, {"this": parcel})[0][0] == 4


@ON_POSTGRESQL
def test_a_look_refuses_writes_on_a_connection_that_has_written(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with factory.begin_straight() as straight:
        straight.run(_WEIGH, {"this": parcel, "to": 5})
    write: Select[tuple[int]] = select(text("nextval('lookups')"))
    with factory.begin() as uow:
        uow.session.execute(text("CREATE SEQUENCE IF NOT EXISTS lookups"))
    with pytest.raises(DBAPIError, match="read-only"), factory.look() as look:
        look.all(write, {})


@ON_POSTGRESQL
def test_a_connection_that_breaks_is_given_up(factory: UnitOfWorkFactory, engine: Engine) -> None:
    (parcel,) = parcels(factory)
    with pytest.raises(DBAPIError) as caught, factory.begin_straight() as straight:
        write_on_a_broken_connection(straight, engine, parcel)
    assert is_connection_trouble(caught.value)
    with factory.begin_straight() as straight:
        straight.run(_WEIGH, {"this": parcel, "to": 5})
    assert weight(factory, parcel) == 5


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://nobody@127.0.0.1:1/nothing"])
def test_an_engine_that_nobody_uses_is_forgotten(url: str) -> None:
    engine = make_engine(url)
    assert Looks.of(looking(engine)) is not None
    forgotten = weakref.ref(engine), weakref.ref(looking(engine))
    del engine
    gc.collect()
    assert [one() for one in forgotten] == [None, None]


def test_an_engine_of_postgresql_has_its_connections_at_hand_once() -> None:
    engine = make_engine("postgresql://nobody@127.0.0.1:1/nothing")
    assert Looks.of(looking(engine)) is Looks.of(looking(engine))
