"""Whose turn it is among what waits to be done: what could not be done yet keeps nothing later waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

AT_ONCE = 200
AGAIN_AT_ONCE = 50
"""Of those that could not be done: with more of them each is tried again in a later round."""


@dataclass
class Turns:
    """What was tried in vain, the longest ago first; a process remembers it from round to round."""

    _tried: dict[UUID, None] = field(default_factory=dict)

    def next_of(self, oldest: Callable[[int], Sequence[UUID]]) -> list[UUID]:
        """What to try now: first what was never tried. `oldest(n)` are the first `n` of all that waits."""
        found = oldest(AT_ONCE + len(self._tried))
        fresh = [each for each in found if each not in self._tried]
        return [*fresh[:AT_ONCE], *islice(self._tried, AGAIN_AT_ONCE)]

    def note(self, each: UUID, *, is_over: bool) -> None:
        """What came of trying: it is done, by whomever, or it goes to the end of those that wait."""
        self._tried.pop(each, None)
        if not is_over:
            self._tried[each] = None
