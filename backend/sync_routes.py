"""The doors of the sync engine: phones exchange, and wait for news."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, request

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.sync_host import caller_for, current_engine, current_waiting_room
from backend.sync_messages import MESSAGES
from backend.web.blueprint import Room
from backend.web.places import place_for_body
from backend.web.reading import parse_json, read_bytes
from backend.web.wiring import current_wiring
from schemas.access import Role
from schemas.errors import ErrorKind, JsonValue, PermissionRefused
from schemas.sync import (
    ExchangeAnswer,
    ExchangeRequest,
    ReconcileAnswer,
    ReconcileRequest,
    WakeAnswer,
    WakeQuery,
)
from sync.host import Caller
from sync.published import protocol_schemas
from sync.routes import answer_exchange, answer_reconcile
from sync.wake import AWAY_SECONDS, wait_for_news


class DeviceNeeded(PermissionRefused):
    """Only an enrolled phone exchanges: its id ties journal, cursor and user together."""

    title = "Only an enrolled phone may do this."
    kind = ErrorKind.FORBIDDEN


room = Room("sync", __name__, description="Phones exchange, and wait for news.")


@room.post(
    "/sync/exchange",
    body=ExchangeRequest,
    answer=ExchangeAnswer,
    own_transactions=True,
    allow_revoked=True,
    raw_body=True,
    body_limit="sync_body_limit_bytes",
)
def exchange(_: UnitOfWorkFactory, actor: Actor) -> Response:
    """Mutations up, outcomes and changes down (docs/protocol.md)."""
    return answer_exchange(current_engine(), caller_of(actor), document_of(), request)


@room.post(
    "/sync/reconcile",
    body=ReconcileRequest,
    answer=ReconcileAnswer,
    own_transactions=True,
    allow_revoked=True,
    raw_body=True,
    body_limit="sync_body_limit_bytes",
)
def reconcile(_: UnitOfWorkFactory, actor: Actor) -> Response:
    """What a phone holds up, the differences down."""
    return answer_reconcile(current_engine(), caller_of(actor), document_of(), request)


@room.get(
    "/sync/schemas.json", permission_free=True, own_transactions=True, produces="application/schema+json"
)
def show_schemas(_: UnitOfWorkFactory, __: Actor) -> Response:
    """The JSON Schemas of the protocol: messages, bodies of collections, fields of mutations."""
    engine = current_engine()
    document = protocol_schemas(engine.collections, engine.mutations, MESSAGES)
    return Response(orjson.dumps(document), content_type="application/schema+json")


@room.get("/sync/wake", query=WakeQuery, answer=WakeAnswer, permission="wake:read", own_transactions=True)
def wake(_: UnitOfWorkFactory, actor: Actor, query: dict[str, Any]) -> dict[str, object]:
    """Wait until there is something to pull, for so many seconds at most. A hint; exchange all the same."""
    caller = caller_of(actor)
    waited = wait_for_news(
        current_engine(), caller, current_waiting_room(), query.get("cursor"), query["seconds"]
    )
    return {"news": waited.news, **({"retry_after": AWAY_SECONDS} if waited.was_full else {})}


def caller_of(actor: Actor) -> Caller:
    """The device that asks; raises DeviceNeeded for anybody else."""
    # A revoked phone hands its work in whatever its user became in the meantime (decision 32).
    is_technicians = actor.role is Role.TECHNICIAN or actor.revoked
    if actor.device_id is None or not is_technicians:
        raise DeviceNeeded("Enrol a technician's phone with POST /devices/enrol and use its tokens.")
    return caller_for(actor, actor.time_zone, actor.revoked_at)


def document_of() -> JsonValue:
    """The JSON body of the request, read before anything is asked of the database."""
    # A text that no database takes is one mutation's fault, not the whole request's: the engine judges it.
    with place_for_body(request):
        raw = read_bytes(request, current_wiring().settings.sync_body_limit_bytes)
    return parse_json(raw, refuse_unstorable_text=False)
