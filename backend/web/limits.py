"""Bounds how much one caller may ask of one process: a loop gone wild on one phone slows nobody else."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from backend.access.actor import ANONYMOUS, Actor
from schemas.errors import DomainError, ErrorKind

_MOST_CALLERS = 10_000

LIMITS = "doorstep.limits"
"""The key of the limits in `app.extensions`."""


class TooManyRequests(DomainError):
    """This caller asks more than any person or phone needs."""

    title = "Too many requests."
    kind = ErrorKind.TOO_MANY


@dataclass(frozen=True)
class Rate:
    """`burst` requests at once, then `per_second`."""

    burst: int
    per_second: float


PER_ACTOR = Rate(burst=600, per_second=60)
"""For a device or a signed-in user; a phone that drains a month of work needs a few dozen."""
PER_ADDRESS = Rate(burst=1_200, per_second=60)
"""For callers without credentials; a whole office may share one address."""


def count_request(actor: Actor | None, address: str | None) -> None:
    """Count the current request for whoever sends it; raises TooManyRequests."""
    limits: Limits = current_app.extensions[LIMITS]
    if actor is None or actor is ANONYMOUS:
        limits.count(f"address {address}", PER_ADDRESS)
    else:
        count_actor(limits, actor)


def count_actor(limits: Limits, actor: Actor) -> None:
    """Count one request of somebody who is known; raises TooManyRequests."""
    limits.count(f"actor {actor.device_id or actor.user_id}", PER_ACTOR)


class Limits:
    """Token buckets of this process, forgotten with it; tries of passwords are counted in the database."""

    def __init__(self, *, enabled: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._enabled = enabled
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, caller: str, rate: Rate) -> None:
        """Count one request of `caller`; raises TooManyRequests."""
        if not self._enabled:
            return
        now = self._clock()
        with self._lock:
            tokens, since = self._buckets.pop(caller, (float(rate.burst), now))
            tokens = min(float(rate.burst), tokens + (now - since) * rate.per_second)
            self._buckets[caller] = (max(0.0, tokens - 1), now)
            if len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
        if tokens < 1:
            seconds = max(1, math.ceil((1 - tokens) / rate.per_second))
            raise TooManyRequests(f"Wait {seconds} seconds.", retry_after=seconds)
