"""Places for reading bodies: senders who take their time never occupy every thread of the server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from flask import Request, current_app

from schemas.errors import DomainError, ErrorKind

PLACES = "doorstep.places"
"""The key of the places in `app.extensions`."""
KEPT_FREE = 2
"""Threads on which no body is ever read, so that answers which need none are always given."""
LONGEST_WAIT_SECONDS = 0.1
"""Reading what has arrived takes no longer; whoever waits holds a thread."""


class TooManyBodies(DomainError):
    """So many bodies are arriving at this moment that this one would take the last free thread."""

    title = "The server is busy reading."
    kind = ErrorKind.UNAVAILABLE


def place_for_body(request: Request) -> AbstractContextManager[None]:
    """A place for as long as the body of `request` is read; none is needed when there is no body."""
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return nullcontext()
    places: BodyPlaces = current_app.extensions[PLACES]
    return places.one(request.remote_addr)


class BodyPlaces:
    """Counts the bodies being read by one process, in all and from each address.

    WSGI has no way to give up on a sender who stopped in the middle; so their number is bounded, and one
    address alone cannot take all places. A proxy that buffers requests makes this moot.
    """

    def __init__(self, threads: int) -> None:
        self._total = max(1, threads - KEPT_FREE)
        self._per_address = max(1, self._total - 1)
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def one(self, address: str | None) -> Iterator[None]:
        """A place for the length of a with-block; raises TooManyBodies when none becomes free soon."""
        key = address or ""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(key), LONGEST_WAIT_SECONDS):
                raise TooManyBodies("Send it again in a moment.")
            self._taken[key] += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken[key] -= 1
                if not self._taken[key]:
                    del self._taken[key]
                self._changed.notify_all()

    def _is_free(self, key: str) -> bool:
        return self._taken.total() < self._total and self._taken[key] < self._per_address
