"""The doors of the sync engine: phones exchange, the office reads the field inbox."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import orjson
from flask import Flask, Response, current_app, request

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.access.queries import zone_and_revocation
from backend.db.paging import Page, PageRequest, fetch_page
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.web.blueprint import Room
from backend.web.reading import parse_json, read_bytes
from backend.web.wiring import current_wiring
from schemas.access import Role
from schemas.errors import ErrorKind, JsonValue, PermissionRefused
from schemas.sync import FieldInboxBody, FieldInboxDetail, FieldInboxQuery
from sync.engine import SyncEngine
from sync.host import EVERYBODY, Audience, Caller
from sync.inbox import entries, read_entry, settle
from sync.models import FieldInboxEntry
from sync.published import protocol_schemas
from sync.routes import answer_exchange, answer_reconcile

AUDIENCE = Role.TECHNICIAN.value
"""The kind of audience that phones belong to; its members are technicians."""


class DeviceNeeded(PermissionRefused):
    """Only an enrolled phone exchanges: its id ties journal, cursor and user together."""

    title = "Only an enrolled phone may do this."
    kind = ErrorKind.FORBIDDEN


room = Room("sync", __name__, description="Phones exchange; the office reads what did not simply apply.")

_EXTENSION = "doorstep.sync"


def install_engine(app: Flask, engine: SyncEngine) -> None:
    """Give `app` its engine."""
    app.extensions[_EXTENSION] = engine


def current_engine() -> SyncEngine:
    """The engine of the app that serves the current request."""
    return cast("SyncEngine", current_app.extensions[_EXTENSION])


@room.post(
    "/sync/exchange",
    own_transactions=True,
    allow_revoked=True,
    raw_body=True,
    body_limit="sync_body_limit_bytes",
)
def exchange(factory: UnitOfWorkFactory, actor: Actor) -> Response:
    """Mutations up, outcomes and changes down (docs/protocol.md)."""
    return answer_exchange(current_engine(), caller_of(factory, actor), document_of(), request)


@room.post(
    "/sync/reconcile",
    own_transactions=True,
    allow_revoked=True,
    raw_body=True,
    body_limit="sync_body_limit_bytes",
)
def reconcile(factory: UnitOfWorkFactory, actor: Actor) -> Response:
    """What a phone holds up, the differences down."""
    return answer_reconcile(current_engine(), caller_of(factory, actor), document_of(), request)


@room.get(
    "/sync/schemas.json", permission_free=True, own_transactions=True, produces="application/schema+json"
)
def show_schemas(_: UnitOfWorkFactory, __: Actor) -> Response:
    """The JSON Schemas of the protocol: messages, bodies of collections, fields of mutations."""
    engine = current_engine()
    document = protocol_schemas(engine.collections, engine.mutations)
    return Response(orjson.dumps(document), content_type="application/schema+json")


@room.get("/sync/inbox", query=FieldInboxQuery, page_of=FieldInboxBody, permission="field_inbox:read")
def list_inbox(uow: UnitOfWork, _: Actor, page: PageRequest, query: dict[str, Any]) -> Page[FieldInboxEntry]:
    """The field inbox, newest first; `settled=false` shows what still waits for somebody."""
    return fetch_page(uow.session, entries(**query), page, key=FieldInboxEntry.id, descending=True)


@room.get("/sync/inbox/<uuid:entry_id>", answer=FieldInboxDetail, permission="field_inbox:read")
def show_inbox_entry(uow: UnitOfWork, _: Actor, entry_id: UUID) -> FieldInboxEntry:
    """One entry, with all that the phone sent."""
    return read_entry(uow, entry_id)


@room.post("/sync/inbox/<uuid:entry_id>/settle", answer=FieldInboxDetail, permission="field_inbox:settle")
def settle_inbox_entry(uow: UnitOfWork, actor: Actor, entry_id: UUID) -> FieldInboxEntry:
    """Somebody has dealt with it: phones show it for three more days."""
    return settle_field_inbox(uow, actor, entry_id)


@requires("field_inbox:settle")
def settle_field_inbox(uow: UnitOfWork, _: Actor, entry_id: UUID) -> FieldInboxEntry:
    """Close an entry of the field inbox; closing it twice changes nothing."""
    return settle(uow, entry_id)


def caller_of(factory: UnitOfWorkFactory, actor: Actor) -> Caller:
    """The device that asks; raises DeviceNeeded for anybody else."""
    # A revoked phone hands its work in whatever its user became in the meantime (decision 32).
    is_technicians = actor.role is Role.TECHNICIAN or actor.revoked
    if actor.device_id is None or not is_technicians:
        raise DeviceNeeded("Enrol a technician's phone with POST /devices/enrol and use its tokens.")
    with factory.begin(write=False) as uow:
        time_zone, revoked_at = zone_and_revocation(uow.session, actor.device_id)
    return Caller(
        device_id=actor.device_id,
        user_id=actor.user_id,
        actor=actor,
        audiences=(Audience(AUDIENCE, actor.user_id), EVERYBODY),
        time_zone=time_zone,
        revoked_at=revoked_at if actor.revoked else None,
    )


def document_of() -> JsonValue:
    """The JSON body of the request, read before anything is asked of the database."""
    # A text that no database takes is one mutation's fault, not the whole request's: the engine judges it.
    limit = current_wiring().settings.sync_body_limit_bytes
    return parse_json(read_bytes(request, limit), refuse_unstorable_text=False)
