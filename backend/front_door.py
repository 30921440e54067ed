"""The front door: an exchange that brings no news is answered here, in one statement, before Flask sees it.

It is what phones ask most. Whatever is not exactly that (news, a revoked phone, a token that has expired, a
header or a member out of the ordinary, any error) goes on to the route, untouched. What is asked, decided,
counted, logged and answered is the route's own, in the same words: the same statements, joined into one, and
the same functions (`tests/backend/test_front_door.py` compares the two).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from io import BytesIO
from typing import Any, TypeAlias

from flask import Flask
from sqlalchemy import Select, select, true
from sqlalchemy.exc import SQLAlchemyError

from backend.access.actor import Actor
from backend.access.doorkeeper import admission_of
from backend.access.queries import HOLDER, HOLDER_WIDTH, holder_in
from backend.access.tokens import hash_of
from backend.db.driver import Rows
from backend.settings import Settings
from backend.sync_host import caller_for, engine_of
from backend.web.authentication import BEARER
from backend.web.headers import headers_of_data
from backend.web.journal import note_request, request_id_of
from backend.web.limits import LIMITS, count_actor
from backend.web.places import PLACES
from backend.web.wiring import EXTENSION
from schemas.access import Role
from schemas.errors import DomainError
from sync.cursor import Cursor
from sync.engine import SyncEngine
from sync.exchange import Exchange, Quiet
from sync.plain import read_plain
from sync.request import Request
from sync.routes import HEADERS, WORTH_PACKING
from sync.status import status_in, status_parameters

Environ: TypeAlias = "dict[str, Any]"
StartResponse: TypeAlias = Callable[..., Any]
Question: TypeAlias = Select[*tuple[Any, ...]]

PATH = "/sync/exchange"
LONGEST_BODY = 8 << 10
"""Bytes; a request that pushes nothing has some hundred."""
IDENTITY_SECONDS = 1.0
"""How long we believe that it is still the same database server; the route asks every time."""
_FEEDS = 2
"""Whose places a cursor of ours has: the technician's own feed and everybody's."""
_REMEMBERED = 4096
"""Of so many cursors we remember the answer, two to three kilobytes each."""


def install_front_door(app: Flask, settings: Settings) -> None:
    """Put the door before `app`, inside whatever else is put before it later."""
    door = FrontDoor(app, https=settings.public_url.startswith("https://"))
    app.wsgi_app = door  # type: ignore[method-assign]  # Flask's own way to wrap it


@dataclass(frozen=True, slots=True)
class _Judged:
    """Who asked what, what the database said of it, and what became of both."""

    request: Request
    rows: Rows
    actor: Actor
    quiet: Quiet

    def holds(self, request: Request, rows: Rows, now: datetime) -> bool:
        """Whether to judge again could only come to the same."""
        until = self.quiet.until
        return (until is None or now < until) and rows == self.rows and request == self.request


class _Memory:
    """What was last judged of one cursor. Whoever finds it looks whether it still holds."""

    __slots__ = ("judged",)

    def __init__(self, _cursor: str) -> None:
        self.judged: _Judged | None = None


class FrontDoor:
    """A WSGI application around that of `app`."""

    def __init__(self, app: Flask, *, https: bool) -> None:
        self._app = app
        self._inside = app.wsgi_app
        self._ask_identity_at = 0.0
        self._memory_of = lru_cache(_REMEMBERED)(_Memory)
        self._headers = [("Content-Type", "application/json"), *HEADERS]
        given = {name for name, _ in self._headers}
        self._headers += [(name, value) for name, value in headers_of_data(https=https) if name not in given]

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer an exchange without news, hand on everything else."""
        if environ["PATH_INFO"] == PATH and environ["REQUEST_METHOD"] == "POST":
            began = time.perf_counter()
            found = self._without_news(environ)
            if found is not None:
                actor, body = found
                request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
                note_request(request_id, "POST", PATH, 200, began, actor.user_id)
                length_and_id = [("Content-Length", str(len(body))), ("X-Request-Id", str(request_id))]
                start_response("200 OK", self._headers + length_and_id)
                return (body,)
        return self._inside(environ, start_response)

    def _without_news(self, environ: Environ) -> tuple[Actor, bytes] | None:
        """Who asks and the answer; None, and nothing done, for whatever is not an exchange without news."""
        bearer = BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        if bearer is None or environ.get("QUERY_STRING"):
            return None
        try:
            raw = self._body(environ)
            request = read_plain(raw) if raw is not None else None
            return None if request is None else self._answer(bearer.group(1), request)
        except (DomainError, SQLAlchemyError):
            return None  # the route comes to the same trouble, and knows what to say of it

    def _body(self, environ: Environ) -> bytes | None:
        """A short plain body, left for others to read again; None, unread, for any other."""
        length = environ.get("CONTENT_LENGTH", "")
        encoded = "HTTP_CONTENT_ENCODING" in environ or "HTTP_TRANSFER_ENCODING" in environ
        if encoded or not (length.isascii() and length.isdigit()) or not 0 < int(length) <= LONGEST_BODY:
            return None
        with self._app.extensions[PLACES].one(environ.get("REMOTE_ADDR")):
            raw: bytes = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = BytesIO(raw)
        return raw if len(raw) == int(length) else None

    def _answer(self, token: str, request: Request) -> tuple[Actor, bytes] | None:
        engine, wiring = engine_of(self._app), self._app.extensions[EXTENSION]
        cursor = engine.signer.read(request.cursor or "")
        if cursor is None or len(cursor.places) != _FEEDS:
            return None
        given = {"token_hash": hash_of(token), **status_parameters(request.journal, tuple(cursor.places))}
        is_due = self._ask_identity_at <= time.monotonic()
        statement = _joined(engine.status_at_head(_FEEDS, identity=is_due))
        with wiring.factory.look() as look:
            now = look.now
            rows = look.all(statement, {**given, "now": now})
        if not rows:
            return None
        memory = self._memory_of(request.cursor or "")
        judged = memory.judged
        if judged is None or not judged.holds(request, rows, now):
            judged = memory.judged = _judge(engine, cursor, request, rows, now)
        # Another server is never quiet: it is asked again and again, until the route has noticed it.
        if is_due and judged is not None:
            self._ask_identity_at = time.monotonic() + IDENTITY_SECONDS
        if judged is None or len(body := judged.quiet.answer(now)) >= WORTH_PACKING:
            return None
        # Last, because what is handed on is counted there.
        count_actor(self._app.extensions[LIMITS], judged.actor)
        return judged.actor, body


def _judge(engine: SyncEngine, cursor: Cursor, request: Request, rows: Rows, now: datetime) -> _Judged | None:
    """Who asks, and the answer if it is one without news: nothing that is read here is changed by it."""
    admission = admission_of(holder_in(rows[0][:HOLDER_WIDTH]), now)
    status = status_in([row[HOLDER_WIDTH:] for row in rows])
    actor = admission.actor
    if status is None or admission.first_use or actor.revoked or actor.role is not Role.TECHNICIAN:
        return None
    caller = caller_for(actor, actor.time_zone, None) if actor.device_id is not None else None
    if caller is None or {audience.key for audience in caller.audiences} != cursor.places.keys():
        return None
    quiet = Exchange(engine, caller, request).without_news(status, now)
    return None if quiet is None else _Judged(request, rows, actor, quiet)


@cache
def _joined(standing: Question) -> Question:
    """Who holds a token, and how things stand for a device, in one statement."""
    holder, status = HOLDER.subquery("holder"), standing.subquery("standing")
    return select(*holder.c, *status.c).select_from(holder.join(status, true()))
