"""Fixtures of the payments process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from backend.payments.app import create_payments_app
from tests.api import Client
from tests.backend.payments.world import Firm, firm_on
from tests.clock import SettableClock
from tests.databases import Databases


@pytest.fixture
def firm(engine_name: str, databases: Databases, clock: SettableClock, tmp_path: Path) -> Iterator[Firm]:
    """Both sides, once on SQLite and once on PostgreSQL."""
    with firm_on(databases, engine_name, clock, tmp_path) as made:
        yield made


@pytest.fixture
def lite_firm(databases: Databases, clock: SettableClock, tmp_path: Path) -> Iterator[Firm]:
    """Both sides on SQLite, for what no engine can get wrong by itself."""
    with firm_on(databases, "sqlite", clock, tmp_path) as made:
        yield made


@pytest.fixture
def app(firm: Firm) -> Flask:
    """The payments process's application."""
    return create_payments_app(firm.payments)


@pytest.fixture
def noor(firm: Firm, app: Flask) -> Client:
    """Somebody of finance, signed in."""
    password = firm.payments.authenticator.create_person(firm.payments.factory, "noor@example.org", "Noor")
    given = Client(app).post("/sessions", {"email": "noor@example.org", "password": password})
    return Client(app, None, given.json["access_token"])


@pytest.fixture
def browser(app: Flask) -> Client:
    """Whoever holds nothing but a link."""
    return Client(app)
