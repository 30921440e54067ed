"""The doors for stores that nobody here wrote: WatermelonDB and RxDB, on the same feed and the same merge."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from backend.access.actor import Actor
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.sync_host import current_engine, current_waiting_room
from backend.sync_routes import caller_of, document_of
from backend.web.blueprint import Room
from schemas.stores import (
    RxdbDocument,
    RxdbPullAnswer,
    RxdbPullQuery,
    RxdbPushQuery,
    RxdbStreamQuery,
    WatermelonPullAnswer,
    WatermelonPullQuery,
    WatermelonPushAnswer,
    WatermelonPushQuery,
)
from sync.routes import (
    answer_rxdb_pull,
    answer_rxdb_push,
    answer_rxdb_stream,
    answer_watermelon_pull,
    answer_watermelon_push,
)

room = Room("stores", __name__, description="WatermelonDB and RxDB, through their own protocols.")

_LIKE_EXCHANGE: dict[str, Any] = {"own_transactions": True, "allow_revoked": True}
_PUSH: dict[str, Any] = {**_LIKE_EXCHANGE, "raw_body": True, "body_limit": "sync_body_limit_bytes"}


@room.get(
    "/sync/watermelon",
    query=WatermelonPullQuery,
    answer=WatermelonPullAnswer,
    permission="feed:read",
    **_LIKE_EXCHANGE,
)
def pull_watermelon(_: UnitOfWorkFactory, actor: Actor, query: dict[str, Any]) -> Response:
    """`pullChanges` of WatermelonDB's `synchronize()`."""
    return answer_watermelon_pull(current_engine(), caller_of(actor), query, request)


@room.post("/sync/watermelon", query=WatermelonPushQuery, answer=WatermelonPushAnswer, **_PUSH)
def push_watermelon(_: UnitOfWorkFactory, actor: Actor, query: dict[str, Any]) -> Response:
    """`pushChanges` of WatermelonDB's `synchronize()`; a refused row is no error, it comes back corrected."""
    return answer_watermelon_push(current_engine(), caller_of(actor), query, document_of(), request)


@room.get(
    "/sync/rxdb/<collection>/pull",
    query=RxdbPullQuery,
    answer=RxdbPullAnswer,
    permission="feed:read",
    **_LIKE_EXCHANGE,
)
def pull_rxdb(_: UnitOfWorkFactory, actor: Actor, query: dict[str, Any], collection: str) -> Response:
    """The pull handler of RxDB's replication: a page of documents, full unless it is the last."""
    return answer_rxdb_pull(current_engine(), caller_of(actor), collection, query, request)


@room.post("/sync/rxdb/<collection>/push", query=RxdbPushQuery, answer=RxdbDocument, many=True, **_PUSH)
def push_rxdb(_: UnitOfWorkFactory, actor: Actor, query: dict[str, Any], collection: str) -> Response:
    """The push handler: rows up; the answer is the documents that stand where a row does not."""
    caller = caller_of(actor)
    return answer_rxdb_push(current_engine(), caller, collection, query, document_of(), request)


@room.get(
    "/sync/rxdb/<collection>/stream",
    query=RxdbStreamQuery,
    permission="feed:read",
    produces="text/event-stream",
    **_LIKE_EXCHANGE,
)
def stream_rxdb(_: UnitOfWorkFactory, actor: Actor, query: dict[str, Any], collection: str) -> Response:
    """Server-sent events, each a hint to pull; the stream ends after some seconds and is opened again."""
    caller = caller_of(actor)
    return answer_rxdb_stream(current_engine(), caller, collection, current_waiting_room(), query)
