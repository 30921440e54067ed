"""What is refused when the process starts, and what the hook sees and refuses while it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, update

from backend.db.unit_of_work import UnitOfWork
from sync.collections import EVERYONE, BadDeclaration, Collection, CollectionSet, Edge, Kind, Root
from sync.hook import RECORDED, UnrecordedChange, record_changes
from sync.models import CHANGES, FIELD_REVISIONS
from sync.mutations import MutationTable, MutationType
from tests.sync import days
from tests.sync.device import device_of
from tests.sync.toy import (
    MUTATIONS,
    TECHNICIAN,
    Article,
    Job,
    JobLine,
    JobLineBody,
    Order,
    OrderBody,
    Place,
    StartFields,
    Toy,
    collections,
    start_job,
)

JOBS, ORDERS, LINES, PLACES, ARTICLES, INBOX = collections()

BAD = {
    "twice": [*collections(), JOBS],
    "one table, two collections": [*collections(), replace(PLACES, name="sites")],
    "an edge into nothing": [JOBS],
    "an edge across audiences": [
        JOBS,
        Collection("orders", Order, OrderBody, EVERYONE, roots=(Root(None),)),
    ],
    "a circle": [
        JOBS,
        replace(
            ORDERS, edges=(Edge(Order.place_id, "places", "target"), Edge(Order.place_id, "places", "owner"))
        ),
        PLACES,
    ],
    "nobody's": [PLACES],
    "a personal root without a person": [replace(PLACES, roots=(Root(None),))],
    "a person in everyone's root": [replace(JOBS, audience=EVERYONE, edges=())],
    "another table's column in an edge": [
        JOBS,
        replace(ORDERS, edges=(Edge(Job.order_id, "jobs", "owner"),)),
    ],
    "another table's column in a root": [replace(PLACES, roots=(Root(Job.technician_id),))],
    "another table in a condition": [replace(ARTICLES, roots=(Root(None, where=Place.name == "x"),))],
    "an edge without an index": [
        *(JOBS, ORDERS, PLACES),
        Collection(
            "job_lines", JobLine, JobLineBody, TECHNICIAN, edges=(Edge(JobLine.text, "jobs", "owner"),)
        ),
    ],
    "a root without an index": [replace(JOBS, roots=(Root(Job.remark),), edges=())],
    "kinds of unknown fields": [replace(ARTICLES, kinds={"colour": Kind.ANSWER})],
    "a name that breaks the wire": [replace(ARTICLES, name='articles"')],
}


@pytest.mark.parametrize("what", BAD)
def test_declarations_that_cannot_work_are_refused_at_start(what: str) -> None:
    with pytest.raises(BadDeclaration):
        CollectionSet(BAD[what])


def test_good_declarations_are_taken() -> None:
    assert CollectionSet(collections()).audience_kinds() == (TECHNICIAN, EVERYONE)


def test_mutation_types_are_checked_against_the_collections() -> None:
    known = CollectionSet(collections())
    with pytest.raises(BadDeclaration):
        MutationTable([*MUTATIONS, MUTATIONS[0]], known)
    with pytest.raises(BadDeclaration):
        MutationTable([MutationType("cat.feed", "cats", StartFields, start_job, Kind.FACT)], known)


def changes_left(toy: Toy) -> list[str]:
    with toy.engine.connect() as connection:
        return sorted(connection.execute(select(CHANGES.c.collection)).scalars())


def test_every_insert_update_and_delete_leaves_a_change(toy: Toy) -> None:
    place = days.a_place(toy)
    assert changes_left(toy) == ["places"]
    days.change(toy, Place, place, name="other")
    assert changes_left(toy) == ["places", "places"]
    days.remove(toy, Place, place)
    assert changes_left(toy) == ["places"] * 3


def test_a_change_that_changes_nothing_leaves_nothing(toy: Toy) -> None:
    place = days.a_place(toy, "same")
    days.change(toy, Place, place, name="same")
    assert changes_left(toy) == ["places"]


def test_what_is_rolled_back_to_a_savepoint_leaves_no_change(toy: Toy) -> None:
    def fails(uow: UnitOfWork) -> None:
        with uow.savepoint():
            uow.add(Place(id=uuid4(), name="never"))
            raise RuntimeError

    with toy.write() as uow:
        with pytest.raises(RuntimeError):
            fails(uow)
        uow.add(Article(id=uuid4(), name="kept"))
    assert changes_left(toy) == ["articles"]


def test_fields_remember_the_revision_and_the_person_of_their_last_change(toy: Toy) -> None:
    job, ada, bob = days.a_job(toy, None), uuid4(), uuid4()
    days.change(toy, Job, job, actor=ada, findings="a", remark="a")
    days.change(toy, Job, job, actor=bob, remark="b")
    with toy.engine.connect() as connection:
        rows = connection.execute(select(FIELD_REVISIONS).where(FIELD_REVISIONS.c.record_id == job))
        found = {row.field: (row.revision, row.actor_id) for row in rows}
    assert found == {"": (1, None), "findings": (2, ada), "remark": (3, bob)}


BULK: dict[str, Any] = {
    "update": lambda: update(Place).values(name="x"),
    "update of the table": lambda: update(Place.__table__).values(name="x"),
    "delete": lambda: delete(Place),
    "insert": lambda: insert(Place).values(id=uuid4(), revision=1, name="x"),
}


@pytest.mark.parametrize("what", BULK)
def test_bulk_statements_that_would_pass_the_hook_by_are_refused_loudly(toy: Toy, what: str) -> None:
    days.a_place(toy)
    with pytest.raises(UnrecordedChange), toy.write() as uow:
        uow.session.execute(BULK[what]())


def test_a_legacy_query_update_is_refused_too(toy: Toy) -> None:
    with pytest.raises(UnrecordedChange), toy.write() as uow:
        uow.session.query(Place).update({"name": "x"})


def test_a_bulk_statement_that_records_its_changes_reaches_devices(toy: Toy) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician, lines=0)
    device = device_of(toy, technician)
    device.sync()
    with toy.write() as uow:
        statement = update(Job).where(Job.id == job).values(remark="bulk", revision=Job.revision + 1)
        uow.session.execute(statement.execution_options(**{RECORDED: True}))
        record_changes(uow.session, "jobs", {job: 2}, ["remark"])
    device.sync()
    assert device.records["jobs", str(job)]["remark"] == "bulk"


def test_tables_that_are_not_synced_are_nobodys_business(toy: Toy) -> None:
    with toy.write() as uow:
        uow.session.execute(delete(CHANGES))
