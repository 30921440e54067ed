"""A phone with a signed report on its way, and the house that seals it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
from flask import Flask

from backend.app import ServedWiring
from backend.web.wiring import EXTENSION
from mobile_client_stub.phone import Phone
from tests.api import Api
from tests.clock import SettableClock
from tests.evidence.browser import served
from tests.evidence.issuing import House, a_house
from tests.given import customers, phones, reports, visits
from tests.given import parts as given_parts


@pytest.fixture
def work(api: Api) -> reports.Work:
    """A dispatched visit with a kit of one part, for a customer who reads mail."""
    with api.factory.begin() as uow:
        kit = given_parts.a_kit(uow, parts=(given_parts.a_part(uow),))
        site = customers.a_site(uow, customer_id=customers.a_customer(uow, email="ada@example.org").id)
        order = visits.a_work_order(
            uow, work_type_id=visits.a_work_type(uow, kit_id=kit.id).id, site_id=site.id
        )
        return reports.a_visit_under_way(uow, work_order_id=order.id)


@pytest.fixture
def pick_up(app: Flask, clock: SettableClock, tmp_path: Path) -> Iterator[Callable[[str], Phone]]:
    """Opens the phone in a home, in front of the application itself."""
    opened: list[Phone] = []

    def make(home: str) -> Phone:
        transport = httpx.WSGITransport(app=app)
        phone = Phone(
            tmp_path / home, transport=transport, clock=clock, sleep=lambda _: None, dice=random.Random(1)
        )
        opened.append(phone)
        return phone

    yield make
    for phone in opened:
        phone.close()


@pytest.fixture
def phone(pick_up: Callable[[str], Phone], api: Api, work: reports.Work) -> Phone:
    """Enrolled and synchronised."""
    phone = pick_up("phone")
    phones.enrol(phone, api, work)
    phone.sync()
    return phone


@pytest.fixture
def house(app: Flask) -> House:
    """The firm with a seal key and without a timestamp authority."""
    return a_house(cast("ServedWiring", app.extensions[EXTENSION]))


@pytest.fixture
def asked(app: Flask) -> list[str]:
    """The bodies and addresses that reached the server."""
    seen: list[str] = []
    inner = app.wsgi_app

    def noting(environ: dict[str, object], start: object) -> object:
        seen.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ.get('CONTENT_LENGTH')}")
        return inner(environ, start)  # type: ignore[arg-type]

    app.wsgi_app = noting  # type: ignore[assignment, method-assign]
    return seen


@pytest.fixture
def address(app: Flask, asked: list[str]) -> Iterator[str]:
    """Where a browser of this machine finds the application."""
    with served(app) as address:
        yield address
