"""A WSGI application in front of another one, where a test can read and change what is asked and answered."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

Application = Callable[..., Iterable[bytes]]
Body = dict[str, Any]


@dataclass
class Asked:
    """A request; `body` is its JSON object, {} when it has none, and replaces what was sent if it differs."""

    environ: dict[str, Any]
    raw: bytes
    body: Body = field(default_factory=dict)

    @property
    def path(self) -> str:
        return str(self.environ["PATH_INFO"])

    @property
    def token(self) -> str:
        return str(self.environ.get("HTTP_AUTHORIZATION", ""))

    @property
    def mutations(self) -> list[Body]:
        """The mutations that are objects."""
        return [sent for sent in self.body.get("mutations", []) if isinstance(sent, dict)]

    @property
    def exchanges(self) -> bool:
        return self.path == "/sync/exchange"


@dataclass
class Answered:
    """An answer; `body` is its JSON object, and replaces what came if it was changed."""

    status: int
    headers: Headers = field(default_factory=lambda: Headers({"Content-Type": "application/json"}))
    raw: bytes = b""
    body: Body = field(default_factory=dict)


@dataclass
class Middle:
    """`inner`, spoilt.

    `asked` may change the request or answer in place of the application; `answered` may change the answer.
    """

    inner: Application
    asked: Callable[[Middle, Asked], Answered | None] | None = None
    answered: Callable[[Middle, Asked, Answered], None] | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = Asked(environ, raw, _object(raw, environ.get("HTTP_CONTENT_ENCODING")))
        answer = self.asked(self, asked) if self.asked else None
        if answer is None:
            answer = self.forward(asked)
        if self.answered:
            self.answered(self, asked, answer)
        content = orjson.dumps(answer.body) if answer.body else answer.raw
        if answer.body and answer.headers.get("Content-Encoding") == "gzip":
            content = gzip.compress(content)
        answer.headers["Content-Length"] = str(len(content))
        start_response(f"{answer.status} X", list(answer.headers.items()))
        return [content]

    def forward(self, asked: Asked) -> Answered:
        """Let the application answer the request as it is now."""
        content = asked.raw
        if asked.body and asked.body != _object(asked.raw, asked.environ.get("HTTP_CONTENT_ENCODING")):
            asked.environ.pop("HTTP_CONTENT_ENCODING", None)
            content = orjson.dumps(asked.body)
        environ = asked.environ | {"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
        chunks, status, headers = run_wsgi_app(self.inner, environ, buffered=True)
        raw = b"".join(chunks)
        return Answered(
            int(status.split()[0]), Headers(headers), raw, _object(raw, headers.get("Content-Encoding"))
        )


def _object(raw: bytes, encoding: str | None) -> Body:
    try:
        document = orjson.loads(gzip.decompress(raw) if encoding == "gzip" else raw)
    except (ValueError, OSError):
        return {}
    return document if isinstance(document, dict) else {}
