"""Messages that wait for somebody who was away go on soon after he is back, not when their pause is over."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backend.db.unit_of_work import UnitOfWorkFactory
from backend.outbox.queries import is_anything_put_off

EVERY = timedelta(seconds=30)


@dataclass
class Watch:
    """Asks whether whoever `kind` of message is for `answers`, as long as one is put off.

    Only his return hastens messages: one that fails while he is there has a trouble of its own, and keeps
    its pauses.
    """

    factory: UnitOfWorkFactory
    kind: str
    answers: Callable[[], bool]
    _away: bool = field(default=True, init=False)  # nothing is known yet
    _looked_at: datetime | None = field(default=None, init=False)

    def look(self) -> None:
        """Hasten what is put off when he is back; asks every 30 seconds at most."""
        now = self.factory.clock()
        if self._looked_at is not None and now - self._looked_at < EVERY:
            return
        self._looked_at = now
        with self.factory.begin(write=False) as uow:
            if not is_anything_put_off(uow.session, now, self.kind):
                return
        was_away, self._away = self._away, not self.answers()
        if was_away and not self._away:
            with self.factory.begin() as uow:
                uow.hasten(self.kind)
