"""Turns every error into a problem; the only place where errors meet HTTP numbers."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import orjson
import structlog
from flask import Flask, Response, g, has_request_context
from marshmallow import ValidationError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from backend.db.faults import is_connection_trouble, is_damage, is_transient
from backend.db.integrity import constraint_name, fact_of
from backend.web.reading import UnreadableBody, UnsupportedMediaType
from backend.web.wiring import current_wiring
from schemas.errors import (
    DomainError,
    ErrorKind,
    JsonValue,
    StaleRevision,
)
from schemas.problem import PROBLEM_MEDIA_TYPE, Problem, field_errors, problem_of

STATUS: Mapping[ErrorKind, int] = {
    ErrorKind.INVALID: 422,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.CONFLICT: 409,
    ErrorKind.UNMET: 409,
    ErrorKind.STALE: 412,
    ErrorKind.REQUIRED: 428,
    ErrorKind.GONE: 410,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.TOO_MANY: 429,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.REVOKED: 409,
}
_STATUS_OF_CLASS: Mapping[type[DomainError], int] = {UnsupportedMediaType: 415, UnreadableBody: 400}
RETRY_AFTER_SECONDS = 2
_DETAILS: Mapping[int, str] = {
    400: "The request is not well formed.",
    404: "There is nothing at this address; see the API document at /docs.",
    405: "Use one of the methods named in Allow.",
    413: "Send less in one request.",
    415: "Send application/json.",
}

log = structlog.get_logger("doorstep.web")


class InvalidFields(DomainError):
    """Fields of the request are missing, unknown or out of bounds; `errors` names each by JSON pointer."""

    title = "Some fields are not valid."
    kind = ErrorKind.INVALID


class BrokenConstraint(DomainError):
    """The request contradicts what is stored, in a way that no room has a name for."""

    title = "This contradicts what is stored."
    kind = ErrorKind.CONFLICT


class DatabaseDamaged(DomainError):
    """The database says that its files do not hold together; nothing was changed."""

    title = "The server's database is damaged."
    kind = ErrorKind.UNAVAILABLE


class TemporarilyUnavailable(DomainError):
    """The database cannot be reached or is too busy; nothing was changed."""

    title = "The server cannot do this right now."
    kind = ErrorKind.UNAVAILABLE


def status_of(error: DomainError) -> int:
    """The HTTP status of a domain error."""
    return _STATUS_OF_CLASS.get(type(error), STATUS[error.kind])


def domain_error_of(error: BaseException) -> DomainError | None:
    """The domain error that `error` is or stands for; None when it is nothing anybody expected."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, ValidationError):
        return InvalidFields("Correct the fields listed in `errors`.", errors=field_errors(error))
    if isinstance(error, StaleDataError):
        return StaleRevision("Read the record again and repeat your change on what it says now.")
    if isinstance(error, IntegrityError):
        return fact_of(error) or BrokenConstraint(
            "Read the records involved again; one of them is missing or was used already."
        )
    if isinstance(error, DataError):
        return InvalidFields("A value does not fit where it is stored; make it shorter or smaller.")
    if is_damage(error):
        return DatabaseDamaged(
            "Keep what you have: it can be sent when whoever runs the server restored a backup."
        )
    if isinstance(error, PoolTimeout) or is_transient(error) or is_connection_trouble(error):
        return TemporarilyUnavailable("Repeat the request in a moment; nothing was changed.")
    return None


def problem_response(problem: Problem) -> Response:
    """The answer that carries `problem`, with the headers its status asks for."""
    response = Response(
        orjson.dumps(problem.to_json()), status=problem.status, content_type=PROBLEM_MEDIA_TYPE
    )
    response.headers["Cache-Control"] = "no-store"
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="doorstep"'
    if problem.status in (429, 503):
        seconds = problem.extensions.get("retry_after", RETRY_AFTER_SECONDS)
        response.headers["Retry-After"] = str(seconds)
    return response


def install_problems(app: Flask) -> None:
    """Let every error of `app` leave as a problem."""
    app.register_error_handler(HTTPException, _answer_http_exception)
    app.register_error_handler(Exception, _answer_exception)


def _instance() -> str:
    request_id = g.get("request_id") if has_request_context() else None
    return f"urn:uuid:{request_id or uuid4()}"


def _answer_http_exception(error: HTTPException) -> Response:
    """What routing and werkzeug refuse by themselves: no such route, wrong method, broken framing."""
    status = error.code or 500
    if status < 400:
        return Response(error.get_response().get_data(), status=status, headers=dict(error.get_headers()))
    name = error.name
    problem = Problem(
        code=name.lower().replace(" ", "-").replace("'", ""),
        title=f"{name}.",
        status=status,
        detail=_DETAILS.get(status, "The request was refused; see the API document at /docs."),
        instance=_instance(),
    )
    response = problem_response(problem)
    for header in ("Allow", "Retry-After"):
        if value := dict(error.get_headers()).get(header):
            response.headers[header] = value
    return response


def _answer_exception(error: Exception) -> Response:
    known = domain_error_of(error)
    if known is None:
        return _answer_surprise(error)
    problem = problem_of(known, status_of(known), _instance())
    if isinstance(error, IntegrityError) and isinstance(known, BrokenConstraint):
        log.warning("constraint_without_a_name", constraint=constraint_name(error))
    if known.kind is ErrorKind.UNAVAILABLE:
        log.error("unavailable", reason=type(error).__name__, code=known.code)
    if known.kind in (ErrorKind.FORBIDDEN, ErrorKind.UNAUTHENTICATED):
        _note_refusal(known)
    return problem_response(problem)


def _answer_surprise(error: Exception) -> Response:
    instance = _instance()
    log.error("unexpected", instance=instance, error=type(error).__name__, exc_info=error)
    return problem_response(
        Problem(
            code="internal-error",
            title="Something went wrong on our side.",
            status=500,
            detail="Nothing was changed. Give the `instance` of this problem to whoever runs the server.",
            instance=instance,
        )
    )


def _note_refusal(error: DomainError) -> None:
    """Log who was refused what; what somebody known tried is also kept in the audit log."""
    actor = g.get("actor")
    endpoint = str(g.get("endpoint", ""))
    log.warning("refused", code=error.code, endpoint=endpoint, actor=str(actor.user_id) if actor else None)
    if actor is None or error.kind is not ErrorKind.FORBIDDEN:
        return
    wiring = current_wiring()
    detail: dict[str, JsonValue] = {"endpoint": endpoint, **error.extensions}
    try:
        with wiring.factory.begin() as uow:
            wiring.authenticator.note_refusal(uow, actor, "access.refused", detail)
    except DBAPIError as trouble:
        log.error("refusal_not_kept", error=type(trouble).__name__)
