"""The log: one JSON line per request, without tokens, bodies, query strings or anything about a person."""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID, uuid4

import orjson
import structlog
from flask import Flask, Response, g, request

_SECRET_KEYS = re.compile(r"token|password|secret|authorization|cookie|code_|hash|email|phone|address", re.I)
_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_VALUE = 2_000

log = structlog.get_logger("doorstep.request")


def configure_log(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Let structlog write JSON lines to `stream` (default: standard error)."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            name_the_trouble,
            keep_out_secrets,
            _as_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def name_the_trouble(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace `exc_info` by where it happened; messages stay out, they quote what people entered."""
    error = event.pop("exc_info", None)
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["where"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        event["error"] = type(error).__name__
    return event


def keep_out_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop values under telling names, escape control characters, cut what is too long."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = "[kept out]"
        elif isinstance(value, str):
            event[key] = escape(value)
    return event


def escape(text: str) -> str:
    """`text` on one line: control characters and line separators as `\\xNN`, at most 2,000 characters."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text[:_LONGEST_VALUE])


def _as_line(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=lambda value: escape(repr(value))).decode("utf-8", "backslashreplace")


def install_request_log(app: Flask) -> None:
    """Give every request an id (a UUID sent as X-Request-Id is taken over) and log how it ended."""

    @app.before_request
    def begin() -> None:
        offered = request.headers.get("X-Request-Id", "").lower()
        g.request_id = UUID(offered) if _REQUEST_ID.fullmatch(offered) else uuid4()
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        actor = g.get("actor")
        log.info(
            "request",
            request_id=str(g.get("request_id", "")),
            method=request.method if request.method.isalpha() else "?",
            route=str(request.url_rule or "no route"),
            status=response.status_code,
            milliseconds=round(1000 * (time.perf_counter() - g.get("began", time.perf_counter())), 1),
            actor=str(actor.user_id) if actor else None,
        )
        return response
