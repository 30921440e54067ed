"""The text of an answer: made in pieces, because its last changes are read while its first ones travel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class AnswerText:
    """JSON as it travels: `beginning` is all of it, unless `rest` reads more.

    Whatever can be refused is refused before it begins. When `rest` raises, what was sent is no JSON.
    """

    beginning: bytes
    rest: Iterator[bytes] | None = None

    def whole(self) -> bytes:
        """All of it, read to its end."""
        return b"".join((self.beginning, *(self.rest or ())))
