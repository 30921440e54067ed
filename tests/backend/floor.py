"""An application of the web floor and a few rooms only, for tests of the floor itself."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask

from backend.access import routes as access_routes
from backend.access.doorkeeper import Doorkeeper
from backend.access.secret import server_secret
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.settings import Settings
from backend.web.blueprint import Room
from backend.web.serving import install_web
from backend.web.wiring import EXTENSION
from tests.clock import SettableClock


@dataclass(frozen=True)
class FloorWiring:
    """What the floor asks the composition root for."""

    factory: UnitOfWorkFactory
    settings: Settings
    clock: SettableClock
    authenticator: Doorkeeper


def make_floor(factory: UnitOfWorkFactory, settings: Settings, clock: SettableClock, *rooms: Room) -> Flask:
    """An app with the access room and `rooms`; two of them are as good as two processes on one database."""
    app = Flask("floor", static_folder=None)
    doorkeeper = Doorkeeper(settings, server_secret(settings.secret, settings.data_dir))
    app.extensions[EXTENSION] = FloorWiring(factory, settings, clock, doorkeeper)
    api = install_web(app, settings)
    for room in (access_routes.room, *rooms):
        api.register_blueprint(room)
    return app
