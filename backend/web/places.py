"""Places for reading bodies: senders who take their time never occupy every thread of the server."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import AbstractContextManager, nullcontext

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
        self._reading = 0
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    def one(self, address: str | None) -> AbstractContextManager[None]:
        """A place for the length of a with-block; raises TooManyBodies when none becomes free soon."""
        return _Place(self, address or "")

    def take(self, key: str) -> None:
        """Count one body of this address; raises TooManyBodies when there is no place for it soon."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(key), LONGEST_WAIT_SECONDS):
                raise TooManyBodies("Send it again in a moment.")
            self._reading += 1
            self._taken[key] += 1

    def give_back(self, key: str) -> None:
        """It has been read."""
        with self._changed:
            self._reading -= 1
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
            self._changed.notify_all()

    def _is_free(self, key: str) -> bool:
        return self._reading < self._total and self._taken.get(key, 0) < self._per_address


class _Place(AbstractContextManager[None]):
    """One place. A class, because every request with a body makes one: a generator costs six calls more."""

    def __init__(self, places: BodyPlaces, key: str) -> None:
        self._places = places
        self._key = key

    def __enter__(self) -> None:
        self._places.take(self._key)

    def __exit__(self, *_: object) -> None:
        self._places.give_back(self._key)
