"""What dispatchers do to the toy business, one transaction each, and what a device should hold after it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select

from sync.host import EVERYBODY, Audience
from sync.refresh import scope_parameters
from sync.window import local_day
from tests.sync.toy import START, TECHNICIAN, Article, Job, JobLine, Order, Place, Record, Toy

ZONE = "Europe/Berlin"


def a_place(toy: Toy, name: str = "Mill Lane 4") -> UUID:
    with toy.write() as uow:
        return uow.add(Place(id=uuid4(), name=name)).id


def an_order(toy: Toy, place: UUID | None = None) -> UUID:
    place = place or a_place(toy)
    with toy.write() as uow:
        return uow.add(Order(id=uuid4(), place_id=place, title="Boiler")).id


def a_job(
    toy: Toy, technician: UUID | None, *, order: UUID | None = None, days: float | None = 0, lines: int = 1
) -> UUID:
    """A job of an order, with lines; `days` from the start of the test, None without a time."""
    order = order or an_order(toy)
    start = None if days is None else START + timedelta(days=days)
    end = None if start is None else start + timedelta(hours=1)
    with toy.write() as uow:
        job = Job(id=uuid4(), order_id=order, technician_id=technician, starts_at=start, ends_at=end)
        uow.add(job)
        uow.add_all([JobLine(id=uuid4(), job_id=job.id, text=f"line {n}") for n in range(lines)])
        return job.id


def an_article(toy: Toy, name: str = "valve") -> UUID:
    with toy.write() as uow:
        return uow.add(Article(id=uuid4(), name=name)).id


def change(toy: Toy, model: type[Record], record: UUID, *, actor: UUID | None = None, **fields: Any) -> None:
    """Change fields of one record, in its own transaction."""
    with toy.write(actor) as uow:
        row = uow.session.get(model, record)
        assert row is not None
        for name, value in fields.items():
            setattr(row, name, value)
        uow.flush()


def remove(toy: Toy, model: type[Record], record: UUID) -> None:
    """Delete one record, in its own transaction."""
    with toy.write() as uow:
        row = uow.session.get(model, record)
        assert row is not None
        uow.delete(row)


def fresh_scope(toy: Toy, technician: UUID) -> dict[tuple[str, str], dict[str, Any]]:
    """What the technician's devices should hold, asked of the business tables, as bodies."""
    held: dict[tuple[str, str], dict[str, Any]] = {}
    with toy.host.begin(write=False) as uow:
        for audience in (Audience(TECHNICIAN, technician), EVERYBODY):
            day = None if audience is EVERYBODY else local_day(toy.clock.now, ZONE)
            rows = uow.session.connection().execute(
                toy.sync.scope.closures[audience.kind], scope_parameters(audience, day, ZONE)
            )
            for name, record_id, _ in rows.all():
                collection = toy.sync.collections[name]
                row = uow.session.get(collection.model, record_id)
                body = orjson.loads(orjson.dumps(collection.shape().dump(row)))
                held[name, str(record_id)] = body
    return held


def reached_from(toy: Toy, technician: UUID) -> set[tuple[str, UUID]]:
    """The closure without windows, worked out in Python: what the reverse lookup must never miss."""
    with toy.host.begin(write=False) as uow:
        session = uow.session
        jobs = session.scalars(select(Job).where(Job.technician_id == technician)).all()
        orders = session.scalars(select(Order).where(Order.id.in_([job.order_id for job in jobs]))).all()
        lines = session.scalars(select(JobLine).where(JobLine.job_id.in_([job.id for job in jobs]))).all()
        return (
            {("jobs", job.id) for job in jobs}
            | {("orders", order.id) for order in orders}
            | {("places", order.place_id) for order in orders}
            | {("job_lines", line.id) for line in lines}
        )
