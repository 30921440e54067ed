"""The log: one JSON line per request, without tokens, bodies, query strings or anything about a person."""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
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


class _Lines(structlog.WriteLoggerFactory):
    """Where finished lines go, and the level from which on they do."""

    def __init__(self, stream: TextIO, level: int) -> None:
        super().__init__(stream)
        self.write = structlog.WriteLogger(stream).msg
        self.wrapper = structlog.make_filtering_bound_logger(level)
        self.takes_requests = level <= logging.INFO


def configure_log(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Let structlog write JSON lines to `stream` (default: standard error)."""
    lines = _Lines(stream or sys.stderr, level)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            name_the_trouble,
            keep_out_secrets,
            _as_line,
        ],
        wrapper_class=lines.wrapper,
        logger_factory=lines,
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
        if _is_telling(key):
            event[key] = "[kept out]"
        elif isinstance(value, str):
            event[key] = escape(value)
    return event


@lru_cache(256)
def _is_telling(key: str) -> bool:
    return _SECRET_KEYS.search(key) is not None


def escape(text: str) -> str:
    """`text` on one line: control characters and line separators as `\\xNN`, at most 2,000 characters."""
    if len(text) <= _LONGEST_VALUE and text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text[:_LONGEST_VALUE])


def _as_line(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=lambda value: escape(repr(value))).decode("utf-8", "backslashreplace")


def install_request_log(app: Flask) -> None:
    """Give every request an id (a UUID sent as X-Request-Id is taken over) and log how it ended."""

    @app.before_request
    def begin() -> None:
        g.request_id = request_id_of(request.headers.get("X-Request-Id", ""))
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        actor = g.get("actor")
        note_request(
            g.get("request_id", ""),
            request.method if request.method.isalpha() else "?",
            str(request.url_rule or "no route"),
            response.status_code,
            g.get("began", time.perf_counter()),
            actor.user_id if actor else None,
        )
        return response


def request_id_of(offered: str) -> UUID:
    """The id of a request: the UUID that came as X-Request-Id, a new one for anything else."""
    offered = offered.lower()
    return UUID(offered) if _REQUEST_ID.fullmatch(offered) else uuid4()


def note_request(
    request_id: UUID | str, method: str, route: str, status: int, began: float, user_id: UUID | None
) -> None:
    """The line of one request. `began` by `time.perf_counter`; `user_id` of who asked, if anybody knows."""
    said = {
        "request_id": str(request_id),
        "method": method,
        "route": route,
        "status": status,
        "milliseconds": round(1000 * (time.perf_counter() - began), 1),
        "actor": str(user_id) if user_id else None,
    }
    config = structlog.get_config()
    lines, steps = config["logger_factory"], config["processors"]
    is_ours = isinstance(lines, _Lines) and config["wrapper_class"] is lines.wrapper and steps[-1] is _as_line
    if not is_ours:
        log.info("request", **said)  # somebody wants less, or to look at it
    elif lines.takes_requests:
        # What each step would make of it, for a seventh of the price: nothing in it is a secret or an error.
        at = datetime.now(UTC).isoformat().removesuffix("+00:00") + "Z"
        said |= {"method": escape(method), "route": escape(route)}
        lines.write(_as_line(None, "info", {**said, "event": "request", "level": "info", "at": at}))
