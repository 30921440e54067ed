"""The engine: everything that lives as long as the process, and the steps that exchanges are made of."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from sync.collections import EVERYONE, Collection, CollectionSet
from sync.cursor import CursorSigner
from sync.epoch import begin_first, begin_new, identity_expression, note_identity
from sync.expand import expand
from sync.host import Audience, Host, UnitOfWork
from sync.mutations import MutationTable, MutationType
from sync.push import repeated
from sync.refresh import Refresh
from sync.rows import RowReader
from sync.scope import Scope
from sync.status import Status, read_status

_MOST_REFRESHES = 3
_ZONE_OF_EVERYONE = "UTC"


class SyncEngine:
    """Keeps devices equal to the server. One per process; safe to use from many threads."""

    refresh_step = Refresh
    """What runs one refresh; tests put broken ones here to see the law break."""

    def __init__(
        self, host: Host, collections: Iterable[Collection], mutations: Iterable[MutationType]
    ) -> None:
        self.host = host
        self.collections = CollectionSet(collections)
        self.mutations = MutationTable(mutations, self.collections)
        self.rows = RowReader(self.collections, self.mutations)
        self.scope = Scope(self.collections)
        self.signer = CursorSigner(host.cursor_secret)
        self._identity: ColumnElement[str | None] | None = None

    def status(self, uow: UnitOfWork, journal: UUID, audiences: Iterable[Audience]) -> Status | None:
        """How things stand for one device; None on a database that has no epoch yet."""
        return read_status(uow.session, self._identity_of(uow.session), journal, tuple(audiences))

    def ensure_epoch(self) -> None:
        """Give a new database its first epoch."""
        with self.host.begin() as uow:
            begin_first(uow)

    def check_identity(self, status: Status) -> bool:
        """Whether this is still the database server that was there last time; a new epoch begins if not."""
        if status.identity is None or status.identity == status.known_identity:
            return True
        with self.host.begin() as uow:
            if status.known_identity is not None:
                begin_new(uow, status.epoch)
            note_identity(uow, status.identity)
        if status.known_identity is None:
            return True
        self._alarm_restored(f"the database was {status.known_identity} and is {status.identity}")
        return False

    def restored(self, seen: UUID, why: str) -> UUID:
        """Begin a new epoch, because `seen` is that of a restored copy; returns the epoch in force."""
        with self.host.begin() as uow:
            epoch = begin_new(uow, seen)
        self._alarm_restored(why)
        return epoch

    def expand(self) -> set[str]:
        """Turn the change rows of committed transactions into stale marks; which audiences were marked."""
        return repeated(self.host, lambda uow, _: expand(uow, self.scope))

    def refresh(self, audience: Audience, time_zone: str) -> None:
        """Bring one audience's feed up to its scope; what changes meanwhile may wait for the next time."""
        zone = _ZONE_OF_EVERYONE if audience.kind == EVERYONE else time_zone
        for _ in range(_MOST_REFRESHES):
            marked = repeated(
                self.host, lambda uow, _last: self.refresh_step(uow, self.scope, audience, zone).run()
            )
            if not marked:
                return

    def _identity_of(self, session: Session) -> ColumnElement[str | None]:
        if self._identity is None:
            self._identity = identity_expression(session)
        return self._identity

    def _alarm_restored(self, why: str) -> None:
        self.host.alarm("sync-restored", f"{why}: a new epoch begins, and every device starts over")
