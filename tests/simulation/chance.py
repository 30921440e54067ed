"""Time and ids that a seed decides: what a run takes from the machine it runs on is nothing."""

from __future__ import annotations

import random
from collections import deque
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from tests.clock import SettableClock

MOST_LINES_SHOWN = 40
_TICK = timedelta(milliseconds=1)


class Time(SettableClock):
    """The server's clock. Every look at it takes a millisecond, so that no two transactions are at once."""

    def __call__(self) -> datetime:
        self.now += _TICK
        return self.now


class Mint:
    """Makes UUIDv7s from a clock and seeded dice; later ones sort after earlier ones."""

    def __init__(self, clock: SettableClock, dice: random.Random, offset: timedelta = timedelta()) -> None:
        """`offset`: how wrong the clock is on the device that mints."""
        self.offset = offset
        self._clock = clock
        self._dice = dice
        self._last = 0

    def __call__(self) -> UUID:
        moment = self._clock.now + self.offset
        self._last = max(self._last + 1, int(moment.timestamp() * 1000) * 4096)
        milliseconds, count = divmod(self._last, 4096)
        value = (milliseconds & (2**48 - 1)) << 80 | 7 << 76 | count << 64 | 2 << 62
        return UUID(int=value | self._dice.getrandbits(62))


class Trace:
    """What happened, as one running hash: two runs that differ anywhere end in different ones."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self.lines: deque[str] = deque(maxlen=MOST_LINES_SHOWN)

    def add(self, line: str, content: bytes = b"") -> None:
        """Note one event; `content` counts for the hash and is not shown."""
        self._hash.update(line.encode(errors="backslashreplace") + b"\n" + content)
        self.lines.append(line)

    def digest(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()
