"""One exchange as a device sees it: changes down, on both engines."""

from __future__ import annotations

from uuid import uuid4

from tests.sync import days
from tests.sync.device import device_of
from tests.sync.toy import Article, Toy


def test_a_first_pull_brings_the_job_and_everything_it_leads_to(toy: Toy) -> None:
    technician = uuid4()
    days.a_job(toy, technician, lines=2)
    days.a_job(toy, uuid4())
    days.an_article(toy)
    days.change(toy, Article, days.an_article(toy, "old"), archived=1)
    device = device_of(toy, technician)
    device.sync()
    held = sorted(name for name, _ in device.records)
    assert held == ["articles", "job_lines", "job_lines", "jobs", "orders", "places"]


def test_a_second_exchange_is_empty(toy: Toy) -> None:
    technician = uuid4()
    days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    answer = device.sync()
    assert answer["changes"] == []
    assert answer["more"] is False
