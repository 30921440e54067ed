"""The composition root: makes one application out of the rooms, the sync engine and the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Flask
from sqlalchemy import Engine
from uuid_utils.compat import uuid7

import backend.access.routes
import backend.aftercare.routes
import backend.attachments.routes
import backend.customers.routes
import backend.dispatch.routes
import backend.inbox.routes
import backend.parts.routes
import backend.reports.routes
import backend.requests.routes
import backend.store_routes
import backend.sync_routes
import backend.visits.routes
from backend.access.doorkeeper import Doorkeeper
from backend.access.secret import derive, server_secret
from backend.attachments.examining import Examiner
from backend.attachments.rules import EXAMINE
from backend.attachments.storage import install_store, store_of
from backend.db.engine import make_engine
from backend.db.sqlite_rights import FIELD_RIGHTS
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.facts import handlers
from backend.front_door import install_front_door
from backend.mutations import COLLECTIONS, MUTATIONS
from backend.outbox.rules import Lane
from backend.outbox.transports import Transport, mail_transport
from backend.outbox.watch import Watch
from backend.outbox.worker import OutboxWorker
from backend.pages.routes import pages
from backend.reports.seal.pressing import Pressing, PressProcess
from backend.reports.sealing import Sealer, letterhead_of
from backend.settings import Settings
from backend.sync_host import SyncHost, install_engine
from backend.web.documents import Api
from backend.web.serving import install_web
from backend.web.wiring import EXTENSION
from media.objects import ObjectStore
from media.scanning import Scanner, scanner_of
from sync.engine import SyncEngine
from sync.hook import install_hook

ROOMS = (
    backend.access.routes.room,
    backend.customers.routes.room,
    backend.parts.routes.room,
    backend.requests.routes.room,
    backend.visits.routes.room,
    backend.dispatch.routes.room,
    backend.attachments.routes.room,
    backend.reports.routes.room,
    backend.aftercare.routes.room,
    backend.inbox.routes.room,
    backend.sync_routes.room,
    backend.store_routes.room,
)

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Wiring:
    """Everything a process needs, put together once; see `backend.web.wiring.Wiring`."""

    settings: Settings
    engine: Engine
    clock: Clock
    factory: UnitOfWorkFactory
    authenticator: Doorkeeper
    objects: ObjectStore
    scanner: Scanner | None
    sync: SyncEngine


@dataclass(frozen=True)
class ServedWiring(Wiring):
    """The wiring of an application that answers HTTP, with its API document."""

    api: Api


def database_of(settings: Settings) -> Engine:
    """The engine of the settings' database, with the rights of the field."""
    return make_engine(
        settings.database_url,
        pool_size=settings.database_pool,
        allow_unsafe=settings.allow_unsafe_database or None,
        rights=FIELD_RIGHTS,
    )


def clock_of(settings: Settings) -> Clock:
    """The machine's clock, moved as the settings say."""
    offset = timedelta(seconds=settings.clock_offset_seconds)
    return lambda: datetime.now(UTC) + offset


def wire(
    engine: Engine, settings: Settings, *, clock: Clock | None = None, mint_id: Callable[[], UUID] = uuid7
) -> Wiring:
    """Put everything but HTTP together on one database."""
    clock = clock or clock_of(settings)
    secret = server_secret(settings.secret, settings.data_dir)
    factory = UnitOfWorkFactory(engine, clock, mint_id, handlers(settings.callback_days))
    host = SyncHost(factory, derive(secret, "cursor"))
    sync = SyncEngine(host, COLLECTIONS, MUTATIONS)
    install_hook(factory.session_factory, sync.collections)
    return Wiring(
        settings=settings,
        engine=engine,
        clock=clock,
        factory=factory,
        authenticator=Doorkeeper(settings, secret),
        objects=store_of(settings, derive(secret, "upload")),
        scanner=scanner_of(settings.scanner),
        sync=sync,
    )


def create_app(
    settings: Settings,
    *,
    engine: Engine | None = None,
    clock: Clock | None = None,
    mint_id: Callable[[], UUID] = uuid7,
) -> Flask:
    """The application that serves one firm; `engine` when the caller already has one on that database."""
    app, api = unwired_app(settings)
    connect(app, api, wire(engine or database_of(settings), settings, clock=clock, mint_id=mint_id))
    return app


def unwired_app(settings: Settings) -> tuple[Flask, Api]:
    """Every route and page, on no database yet: the slow part, and the same for every database."""
    app = Flask("backend", static_folder=None)
    install_front_door(app, settings)
    api = install_web(app, settings)
    for room in ROOMS:
        api.register_blueprint(room)
    app.register_blueprint(pages)
    return app, api


def connect(app: Flask, api: Api, wiring: Wiring) -> None:
    """Let an application serve from this wiring, and no longer from the one before."""
    app.extensions[EXTENSION] = ServedWiring(**vars(wiring), api=api)
    install_store(app, wiring.objects)
    install_engine(app, wiring.sync, wiring.settings.server_threads)


def sealer_of(wiring: Wiring, pressing: Pressing) -> Sealer:
    """What issues reports on this database and store."""
    settings = wiring.settings
    return Sealer(wiring.factory, wiring.objects, pressing, letterhead_of(settings), settings.seal_folder)


def start_outbox(app: Flask) -> Sequence[OutboxWorker]:
    """Start to do what transactions asked for, in threads of this process: one for what is slow."""
    wiring: ServedWiring = app.extensions[EXTENSION]
    settings = wiring.settings
    mail = mail_transport(settings.mail_url, settings.mail_folder, settings.mail_sender)
    press = PressProcess(settings.seal_folder, settings.timestamp_url or None, settings.seal_pin)
    slow: dict[str, Transport] = {EXAMINE: examiner_of(wiring), **sealer_of(wiring, press).transports()}
    workers = (
        OutboxWorker(wiring.factory, {"mail": mail}),
        OutboxWorker(wiring.factory, slow, lane=Lane.SLOW, watch=_scanner_watch(wiring)),
    )
    for worker in workers:
        worker.start()
    return workers


def _scanner_watch(wiring: Wiring) -> Watch | None:
    """Files that waited for the scanner are looked at soon after it is back."""
    scanner = wiring.scanner
    return None if scanner is None else Watch(wiring.factory, EXAMINE, scanner.answers)


def examiner_of(wiring: Wiring) -> Examiner:
    """Who looks at stored files."""
    return Examiner(wiring.factory, wiring.objects, wiring.scanner, wiring.settings.data_dir / "places")
