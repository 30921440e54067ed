"""What the sync routes answer, for the host's blueprint to wrap: gzip both ways, never cached."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from flask import Request, Response

from schemas.errors import JsonValue
from sync import rxdb
from sync.answer import AnswerText
from sync.engine import SyncEngine
from sync.exchange import exchange
from sync.host import Caller
from sync.reconcile import reconcile
from sync.wake import WaitingRoom
from sync.watermelon.pulling import Asked, Pull
from sync.watermelon.pushing import Push, read_push

WORTH_PACKING = 1024
"""Bytes; a shorter answer travels in one packet as it is."""
_FAST = 1
HEADERS = (("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"), ("Vary", "Accept-Encoding"))
"""Of every answer that devices get."""


def answer_exchange(engine: SyncEngine, caller: Caller, document: JsonValue, request: Request) -> Response:
    """`POST /sync/exchange`. `document` is the parsed body, whose texts may hold what no database takes.

    The host authenticates, revoked devices included, bounds the body (unpacked), parses it strictly (no key
    twice, no NaN), and turns the errors of `sync.exchange.exchange` into problems.
    """
    return respond(exchange(engine, caller, document), request)


def answer_reconcile(engine: SyncEngine, caller: Caller, document: JsonValue, request: Request) -> Response:
    """`POST /sync/reconcile`, on the same terms."""
    return respond(reconcile(engine, caller, document), request)


def answer_watermelon_pull(
    engine: SyncEngine, caller: Caller, query: Mapping[str, Any], request: Request
) -> Response:
    """`GET /sync/watermelon`, with the fields of a WatermelonPullQuery."""
    asked = Asked(query["last_pulled_at"], query["migration"] or frozenset(), query["unsent"])
    return respond(Pull(engine, caller, asked).run(), request)


def answer_watermelon_push(
    engine: SyncEngine, caller: Caller, query: Mapping[str, Any], document: JsonValue, request: Request
) -> Response:
    """`POST /sync/watermelon`, with the fields of a WatermelonPushQuery."""
    changes, number = read_push(document, query["last_pulled_at"])
    return respond(Push(engine, caller, number, query["device_now"]).run(changes), request)


def answer_rxdb_pull(
    engine: SyncEngine, caller: Caller, collection: str, query: Mapping[str, Any], request: Request
) -> Response:
    """`GET /sync/rxdb/<collection>/pull`, with the fields of an RxdbPullQuery."""
    replica = rxdb.replica_of(engine, caller, collection)
    return respond(rxdb.pull(replica, query["cursor"], query["batch_size"]), request)


def answer_rxdb_push(
    engine: SyncEngine,
    caller: Caller,
    collection: str,
    query: Mapping[str, Any],
    document: JsonValue,
    request: Request,
) -> Response:
    """`POST /sync/rxdb/<collection>/push`, with the fields of an RxdbPushQuery."""
    replica = rxdb.replica_of(engine, caller, collection)
    return respond(rxdb.Push(replica, query["epoch"], query["device_now"]).run(document), request)


def answer_rxdb_stream(
    engine: SyncEngine, caller: Caller, collection: str, room: WaitingRoom, query: Mapping[str, Any]
) -> Response:
    """`GET /sync/rxdb/<collection>/stream`: a revoked device is told nothing."""
    replica = rxdb.replica_of(engine, caller, collection)
    seconds = 0 if caller.revoked_at is not None else query["seconds"]
    response = Response(rxdb.stream(replica, room, seconds), status=200, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def respond(answer: bytes | AnswerText, request: Request) -> Response:
    """A JSON answer that no cache keeps and no proxy buffers, packed when the device can unpack it.

    What is still being read travels in chunks, without a length.
    """
    text = AnswerText(answer) if isinstance(answer, bytes) else answer
    response = Response(status=200, content_type="application/json")
    response.headers.extend(HEADERS)
    pieces: Iterable[bytes] = chain((text.beginning,), text.rest or ())
    if len(text.beginning) >= WORTH_PACKING and request.accept_encodings["gzip"] > 0:
        pieces = _packed(pieces)
        response.headers["Content-Encoding"] = "gzip"
    if text.rest is None:
        response.set_data(b"".join(pieces))
    else:
        response.response = pieces
        response.call_on_close(text.close)
    return response


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_FAST, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
