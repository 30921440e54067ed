"""Whose turn it is among what waits to be done: what could not be done yet keeps nothing later waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

AT_ONCE = 200
AGAIN_AT_ONCE = 50
"""Of those that could not be done: with more of them each is tried again in a later round."""
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=10)
SAID_AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _InVain:
    times: int
    again_at: datetime
    why: str
    said_at: datetime


@dataclass
class Turns:
    """What was tried in vain, the longest ago first; a process remembers it from round to round.

    Each is left alone for a while that doubles with every try, up to `longest_pause`; 0 is no pause.
    """

    longest_pause: timedelta = timedelta(0)
    _tried: dict[UUID, _InVain] = field(default_factory=dict)

    def next_of(self, oldest: Callable[[int], Sequence[UUID]], now: datetime) -> list[UUID]:
        """What to try now: first what was never tried. `oldest(n)` are the first `n` of all that waits."""
        found = oldest(AT_ONCE + len(self._tried))
        fresh = [each for each in found if each not in self._tried]
        due = (each for each, tried in self._tried.items() if self._is_due(tried, now))
        return [*fresh[:AT_ONCE], *islice(due, AGAIN_AT_ONCE)]

    def over(self, each: UUID) -> None:
        """It is done, by whomever."""
        self._tried.pop(each, None)

    def in_vain(self, each: UUID, now: datetime, why: str = "") -> bool:
        """It goes to the end of those that wait; whether `why` is to be said: it is news, or an hour old."""
        before = self._tried.pop(each, None)
        times = before.times if before else 0
        pause = min(FIRST_PAUSE * 2 ** min(times, 30), self.longest_pause)
        is_said = before and before.why == why and timedelta(0) <= now - before.said_at < SAID_AGAIN_AFTER
        said_at = before.said_at if before and is_said else now
        self._tried[each] = _InVain(times + 1, now + pause, why, said_at)
        return not is_said

    def _is_due(self, tried: _InVain, now: datetime) -> bool:
        # Further off than any pause: the clock was put back meanwhile.
        return not now < tried.again_at <= now + self.longest_pause
