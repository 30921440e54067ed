"""The routes of callbacks."""

from collections.abc import Sequence
from typing import Any, TypeAlias
from uuid import UUID

from backend.access.actor import Actor
from backend.aftercare import actions, queries
from backend.aftercare.models import Callback, CallbackAttempt
from backend.aftercare.queries import CallbackListed
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.web.blueprint import Room
from schemas.aftercare import (
    AssignCallback,
    CallbackAttemptBody,
    CallbackBody,
    CallbackListing,
    CallbackQuery,
    CloseCallback,
    RecordCallbackAttempt,
)

Fields: TypeAlias = dict[str, Any]

room = Room("aftercare", __name__, description="Callbacks by somebody who never touched the case.")


@room.get("/callbacks", query=CallbackQuery, page_of=CallbackListing, permission="callback:read")
def list_callbacks(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[CallbackListed]:
    """Callbacks, the one due first first, each with those who may not take it and why."""
    return queries.list_callbacks(uow.session, actor, page, **query)


@room.get("/callbacks/<uuid:callback_id>", answer=CallbackListing, permission="callback:read")
def show_callback(uow: UnitOfWork, actor: Actor, callback_id: UUID) -> CallbackListed:
    """One callback, with those who may not take it and why."""
    return queries.listed_callback(uow.session, actor, callback_id)


@room.get(
    "/callbacks/<uuid:callback_id>/attempts",
    answer=CallbackAttemptBody,
    many=True,
    permission="callback:read",
)
def list_attempts(uow: UnitOfWork, actor: Actor, callback_id: UUID) -> Sequence[CallbackAttempt]:
    """The calls that were made."""
    return queries.attempts_of(uow.session, actor, callback_id)


@room.post("/callbacks/<uuid:callback_id>/take", answer=CallbackBody, permission="callback:take")
def take_callback(uow: UnitOfWork, actor: Actor, callback_id: UUID) -> Callback:
    """Make the call oneself."""
    return actions.take_callback(uow, actor, callback_id)


@room.post(
    "/callbacks/<uuid:callback_id>/assign",
    body=AssignCallback,
    answer=CallbackBody,
    permission="callback:assign",
)
def assign_callback(uow: UnitOfWork, actor: Actor, fields: Fields, callback_id: UUID) -> Callback:
    """Have somebody make the call."""
    return actions.assign_callback(uow, actor, callback_id, **fields)


@room.post(
    "/callbacks/<uuid:callback_id>/attempts",
    body=RecordCallbackAttempt,
    answer=CallbackBody,
    creates=True,
    location="/callbacks/{id}",
    permission="callback_attempt:record",
)
def record_callback_attempt(uow: UnitOfWork, actor: Actor, fields: Fields, callback_id: UUID) -> Callback:
    """Note one call."""
    return actions.record_callback_attempt(uow, actor, callback_id, **fields)


@room.post(
    "/callbacks/<uuid:callback_id>/close",
    body=CloseCallback,
    answer=CallbackBody,
    permission="callback:close",
)
def close_callback(uow: UnitOfWork, actor: Actor, fields: Fields, callback_id: UUID) -> Callback:
    """Write down the result."""
    return actions.close_callback(uow, actor, callback_id, **fields)
