"""A firm with the access room only: people who sign in, phones that enrol."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from backend.settings import Settings
from tests.api import Api
from tests.backend.floor import make_floor
from tests.clock import SettableClock
from tests.databases import Database


@pytest.fixture
def floor(database: Database, settings: Settings, clock: SettableClock) -> Flask:
    """The app, without throttling."""
    return make_floor(database.factory, settings, clock)


@pytest.fixture
def firm(floor: Flask) -> Api:
    """People of that app."""
    return Api(floor)


@pytest.fixture
def throttled(database: Database, settings: Settings, clock: SettableClock) -> Api:
    """People of an app that counts tries."""
    return Api(make_floor(database.factory, replace(settings, throttle=True), clock))
