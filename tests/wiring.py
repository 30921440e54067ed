"""How tests put the application together: as backend/app.py does, with a still clock and cheap passwords."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine

import backend
from backend.access.doorkeeper import Doorkeeper
from backend.db import upgrade
from backend.db.base import Base
from backend.db.engine import make_engine
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.settings import Settings
from backend.web.serving import install_web
from backend.web.wiring import EXTENSION
from tests.clock import SettableClock

SECRET = b"a secret of tests, and of nothing else"


def cheap_settings(database_url: str, data_dir: Path, **over: Any) -> Settings:
    """The settings of a test: argon2 as cheap as it goes, no throttling, mail into a folder."""
    given: dict[str, Any] = {
        "secret": SECRET,
        "argon2_time_cost": 1,
        "argon2_memory_kib": 64,
        "argon2_parallel": 1,
        "throttle": False,
        "allow_unsafe_database": True,
    }
    return Settings(database_url=database_url, data_dir=data_dir, **(given | over))


def make_tables(url: str) -> None:
    """Make all tables in an empty database."""
    for module in pkgutil.walk_packages(backend.__path__, "backend."):
        if module.name.endswith(".models"):
            importlib.import_module(module.name)
    metadatas = [Base.metadata]
    try:
        metadatas.append(importlib.import_module("sync.models").METADATA)
    except Exception as error:
        print("tests: no tables of sync:", error, file=sys.stderr)
    engine = make_engine(url, allow_unsafe=True)
    upgrade.create_all(engine, metadatas)
    engine.dispose()


def make_factory(engine: Engine, settings: Settings, clock: SettableClock) -> UnitOfWorkFactory:
    """The factory of units of work, with the handlers and the hook of the application."""
    wire = _from_app("wire")
    if wire is None:
        return UnitOfWorkFactory(engine, clock)
    factory: UnitOfWorkFactory = wire(engine, settings, clock=clock).factory
    return factory


def make_app(settings: Settings, engine: Engine, clock: SettableClock) -> Flask:
    """The application on a database that is there."""
    create = _from_app("create_app")
    return create(settings, engine=engine, clock=clock) if create else _rooms_alone(settings, engine, clock)


@dataclass(frozen=True)
class _Wiring:
    factory: UnitOfWorkFactory
    settings: Settings
    clock: SettableClock
    authenticator: Doorkeeper


def _rooms_alone(settings: Settings, engine: Engine, clock: SettableClock) -> Flask:
    app = Flask("doorstep")
    api = install_web(app, settings)
    app.extensions[EXTENSION] = _Wiring(
        UnitOfWorkFactory(engine, clock),
        settings,
        clock,
        Doorkeeper(settings, SECRET),
    )
    for module in pkgutil.walk_packages(backend.__path__, "backend."):
        if module.name.endswith(".routes"):
            try:
                api.register_blueprint(importlib.import_module(module.name).room)
            except Exception as error:
                print("tests: no routes of", module.name, repr(error), file=sys.stderr)
    return app


def _from_app(name: str) -> Callable[..., Any] | None:
    try:
        module = importlib.import_module("backend.app")
    except Exception as error:
        print("tests: no backend.app:", repr(error), file=sys.stderr)
        return None
    found: Callable[..., Any] = getattr(module, name)
    return found
