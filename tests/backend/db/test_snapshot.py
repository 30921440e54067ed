"""A snapshot shows one state whatever others write, and leaves a connection that is good for the next one."""

import pytest
from sqlalchemy import Uuid, bindparam, select, text
from sqlalchemy.exc import DBAPIError

from backend.db.snapshot import Snapshot
from backend.db.unit_of_work import UnitOfWorkFactory
from tests.backend.db.probes import Parcel
from tests.backend.db.test_straight import ON_POSTGRESQL, parcels

_WEIGHT = select(Parcel.__table__.c.weight).where(Parcel.__table__.c.id == bindparam("this", type_=Uuid))


def heavier(factory: UnitOfWorkFactory, parcel: object) -> None:
    with factory.begin() as uow:
        uow.session.get_one(Parcel, parcel).weight += 1


def test_its_statements_see_one_state(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    with factory.snapshot() as snapshot:
        before = snapshot.all(_WEIGHT, {"this": parcel})[0][0]
        heavier(factory, parcel)
        promised = snapshot.ahead(_WEIGHT, {"this": parcel})
        assert promised()[0][0] == before
    with factory.snapshot() as snapshot:
        assert snapshot.all(_WEIGHT, {"this": parcel})[0][0] == before + 1


def test_what_was_asked_ahead_and_never_taken_is_in_nobodys_way(factory: UnitOfWorkFactory) -> None:
    (parcel,) = parcels(factory)
    for _ in range(3):
        with factory.snapshot() as snapshot:
            snapshot.ahead(_WEIGHT, {"this": parcel})
    with factory.look() as look:
        assert look.all(_WEIGHT, {"this": parcel})


def ask_a_connection_that_was_ended(snapshot: Snapshot, factory: UnitOfWorkFactory) -> None:
    ((ours,),) = snapshot.all(select(text("pg_backend_pid()")), {})
    with factory.engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:ours, 5000)"), {"ours": ours})
    promised = snapshot.ahead(select(text("1")), {})  # nothing is raised here
    promised()


@ON_POSTGRESQL
def test_what_fails_is_raised_when_it_is_taken(factory: UnitOfWorkFactory) -> None:
    with factory.snapshot() as snapshot:
        wrong = snapshot.ahead(select(text("1 / 0")), {})
        with pytest.raises(DBAPIError, match="division by zero"):
            wrong()
    with pytest.raises(DBAPIError), factory.snapshot() as snapshot:
        ask_a_connection_that_was_ended(snapshot, factory)
    (parcel,) = parcels(factory)
    with factory.snapshot() as snapshot:
        assert snapshot.all(_WEIGHT, {"this": parcel}), "the connection is as good as before"
