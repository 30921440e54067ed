"""The text of an answer: made in pieces, because its last changes are read while its first ones travel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class AnswerText:
    """JSON as it travels: `beginning` is all of it, unless `rest` reads more.

    Whatever can be refused is refused before it begins. `close` gives back what `rest` reads from; to be
    called by whoever may not come to its end.
    """

    beginning: bytes
    rest: Iterator[bytes] | None = None
    close: Callable[[], None] = _nothing

    def whole(self) -> bytes:
        """All of it, read to its end."""
        return b"".join((self.beginning, *(self.rest or ())))
