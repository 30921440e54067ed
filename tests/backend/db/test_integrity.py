"""A broken constraint is known by its name, and means what its room declared."""

from uuid import uuid4

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, UniqueConstraint
from sqlalchemy.exc import IntegrityError

from backend.db.base import NAMING_CONVENTION, Base
from backend.db.integrity import constraint_fact, constraint_name, fact_of
from backend.db.unit_of_work import UnitOfWorkFactory
from schemas.errors import DomainError, ErrorKind
from tests.backend.db.probes import PROBES, Label, Parcel


class NameTaken(DomainError):
    title = "Another parcel has this name"
    kind = ErrorKind.CONFLICT


class WeightImpossible(DomainError):
    title = "A parcel weighs something"


def broken_by(factory: UnitOfWorkFactory, *rows: Parcel | Label) -> IntegrityError:
    with factory.begin() as uow:
        for row in rows[:-1]:
            uow.add(row)
        with pytest.raises(IntegrityError) as caught, uow.savepoint():
            uow.add(rows[-1])
        return caught.value


def a_parcel(**over: object) -> Parcel:
    return Parcel(**{"id": uuid4(), "name": str(uuid4()), "weight": 1, **over})


def test_unique_check_key_and_partial_index_are_named_alike(factory: UnitOfWorkFactory) -> None:
    name = str(uuid4())
    with factory.begin() as uow:
        twice_used = uow.add(a_parcel())
    heavy = 1001 + uuid4().int % 10**12
    broken = {
        "uq_parcels_name": (a_parcel(name=name), a_parcel(name=name)),
        "pk_parcels": (a_parcel(id=twice_used.id),),
        "ck_parcels_weight_positive": (a_parcel(weight=0),),
        "uq_parcels_heavy": (a_parcel(weight=heavy), a_parcel(weight=heavy)),
    }
    for constraint, rows in broken.items():
        assert constraint_name(broken_by(factory, *rows), PROBES) == constraint


def test_an_append_only_table_refuses_every_change_by_name(factory: UnitOfWorkFactory) -> None:
    with factory.begin() as uow:
        label = uow.add(Label(id=uuid4(), parcel_id=uow.add(a_parcel()).id, words="up"))
    changes = ["UPDATE labels SET words = 'down'", "DELETE FROM labels"]
    if factory.engine.dialect.name == "sqlite":
        changes.append(f"INSERT OR REPLACE INTO labels SELECT * FROM labels WHERE words = '{label.words}'")
    else:
        changes.append("TRUNCATE labels")
    for change in changes:
        with factory.begin() as uow:
            with pytest.raises(IntegrityError) as caught, uow.savepoint():
                uow.session.connection().exec_driver_sql(change)
            assert constraint_name(caught.value, PROBES) == "append_only_labels"


def test_a_broken_constraint_becomes_the_fact_its_room_declared(
    factory: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.db.integrity._facts", {})
    constraint_fact("uq_parcels_name", NameTaken, "Choose another name.")
    constraint_fact("ck_parcels_weight_positive", WeightImpossible)
    taken, heavy = a_parcel(), a_parcel(weight=-1)
    fact = fact_of(broken_by(factory, taken, a_parcel(name=taken.name)), PROBES)
    assert (type(fact), str(fact)) == (NameTaken, "Choose another name.")
    fact = fact_of(broken_by(factory, heavy), PROBES)
    assert (type(fact), str(fact)) == (WeightImpossible, "A parcel weighs something")


def test_a_constraint_nobody_declared_means_nothing(factory: UnitOfWorkFactory) -> None:
    parentless = Label(id=uuid4(), parcel_id=uuid4(), words="lost")
    assert fact_of(broken_by(factory, parentless), PROBES) is None


def test_a_constraint_cannot_mean_two_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.db.integrity._facts", {})
    constraint_fact("uq_parcels_name", NameTaken)
    constraint_fact("uq_parcels_name", NameTaken)
    with pytest.raises(ValueError, match="already means NameTaken"):
        constraint_fact("uq_parcels_name", WeightImpossible)


def test_all_constraints_of_the_business_have_names() -> None:
    constraints = [one for table in Base.metadata.tables.values() for one in table.constraints]
    assert [one for one in constraints if not one.name] == []


def test_a_constraint_over_more_columns_is_another_one() -> None:
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    seats = Table(
        "seats",
        metadata,
        Column("row", Integer, primary_key=True),
        Column("place", Integer, primary_key=True),
    )
    seats.append_constraint(UniqueConstraint("row"))
    known = {"seats.row": "uq_seats_row", "seats.row, seats.place": "pk_seats", "seats.colour": None}
    for columns, name in known.items():
        error = IntegrityError("", {}, Exception(f"UNIQUE constraint failed: {columns}"))
        assert constraint_name(error, metadata) == name
