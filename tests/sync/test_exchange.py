"""One exchange as a device sees it: changes down, on both engines."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from tests.sync.device import device_of
from tests.sync.toy import START, Article, Job, JobLine, Order, Place, Toy


def a_job(toy: Toy, technician: UUID | None, *, days: float = 0, lines: int = 1) -> UUID:
    """A job with its place, order and lines."""
    with toy.write() as uow:
        place = uow.add(Place(id=uuid4(), name="Mill Lane 4"))
        order = uow.add(Order(id=uuid4(), place_id=place.id, title="Boiler"))
        start = START + timedelta(days=days)
        job = uow.add(
            Job(
                id=uuid4(),
                order_id=order.id,
                technician_id=technician,
                starts_at=start,
                ends_at=start + timedelta(hours=1),
            )
        )
        uow.add_all([JobLine(id=uuid4(), job_id=job.id, text=f"line {n}") for n in range(lines)])
        return job.id


def test_a_first_pull_brings_the_job_and_everything_it_leads_to(toy: Toy) -> None:
    technician = uuid4()
    a_job(toy, technician, lines=2)
    a_job(toy, uuid4())
    with toy.write() as uow:
        uow.add_all([Article(id=uuid4(), name="valve"), Article(id=uuid4(), name="old", archived=1)])
    device = device_of(toy, technician)
    device.sync()
    assert sorted(name for name, _ in device.records) == [
        "articles",
        "job_lines",
        "job_lines",
        "jobs",
        "orders",
        "places",
    ]


def test_a_second_exchange_is_empty(toy: Toy) -> None:
    technician = uuid4()
    a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    answer = device.sync()
    assert answer["changes"] == []
    assert answer["more"] is False
