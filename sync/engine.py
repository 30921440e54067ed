"""The engine: everything that lives as long as the process, and the steps that exchanges are made of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.sql.elements import ColumnElement

from sync.apply import Applier
from sync.collections import EVERYONE, Collection, CollectionSet
from sync.cursor import CursorSigner
from sync.epoch import NO_IDENTITY, begin_first, begin_new, current_epoch, identity_expression, note_identity
from sync.expand import anything_to_expand, expand
from sync.facts import ServerBusy
from sync.held import journals_due, owner_of_journal, retry_held, wake_held
from sync.host import Audience, Caller, Host, Look, Straight, UnitOfWork
from sync.mutations import MutationTable, MutationType
from sync.push import repeated, repeated_in
from sync.refresh import Refresh
from sync.rows import RowReader
from sync.scope import Scope
from sync.status import NO_JOURNAL, Status, read_status, status_statement

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

    def status(self, look: Look, journal: UUID, audiences: Iterable[Audience]) -> Status | None:
        """How things stand for one device; None on a database that has no epoch yet."""
        return read_status(look, self._identity_of(), journal, tuple(audiences))

    def status_at_head(self, audiences: int, *, identity: bool) -> Select[Any]:
        """What `status` asks, for a host that asks more in the same statement, about a device without news.

        It leaves out what only who is behind must know (`sync.status`). Without `identity` the database is
        not asked who it is, which costs as much as all the rest.
        """
        expression = self._identity_of() if identity else NO_IDENTITY
        return status_statement(expression, audiences, floors=False)

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
        """Turn the change rows of committed transactions into stale marks; which audiences were marked.

        What was held for one of these records is tried again at once, whoever it comes from.
        """
        expanded = repeated(self.host, lambda uow, _: expand(uow, self.scope))
        if expanded.awaited:
            woken = repeated(self.host, lambda uow, _: wake_held(uow, self.collections, expanded.awaited))
            self._retry(woken)
        return expanded.audiences

    def stale(self, caller: Caller, status: Status, now: datetime) -> list[Audience]:
        """The caller's audiences whose feeds may differ from their scope, expands left aside."""
        zone, collections = caller.time_zone, self.collections
        return [a for a in caller.audiences if status.must_refresh(a, collections, zone, now)]

    def catch_up(self, caller: Caller, status: Status, now: datetime) -> bool:
        """Expand and refresh what the caller's status says is due; False when it says that nothing is.

        What others write meanwhile is due the next time.
        """
        stale = self.stale(caller, status, now)
        if status.changes_pending:
            self.expand()
            with self.host.look() as look:
                expanded = self.status(look, NO_JOURNAL, caller.audiences)
                assert expanded is not None, "an epoch never goes away"
                stale = self.stale(caller, expanded, look.now)
        for audience in stale:
            self.refresh(audience, caller.time_zone)
        return status.changes_pending or bool(stale)

    def look_after(self) -> set[str]:
        """Do what has to be done although nobody pulls: expand, and try what is due; who was marked."""
        with self.host.begin(write=False) as uow:
            is_pending = anything_to_expand(uow)
        marked = self.expand() if is_pending else set()
        self.retry_due()
        return marked

    def retry_due(self) -> None:
        """Try again the held mutations whose time has come, also of devices that are out of reach."""
        with self.host.begin(write=False) as uow:
            journals = journals_due(uow)
        self._retry(journals)

    def _retry(self, journals: Iterable[UUID]) -> None:
        for journal in journals:
            try:
                repeated(self.host, partial(self._retry_journal, journal))
            except ServerBusy:
                # Its device, or the next round, tries again: whoever expands must not pay for it.
                continue

    def _retry_journal(self, journal: UUID, uow: UnitOfWork, last: bool) -> None:
        if (owner := owner_of_journal(uow, journal)) is None:
            return
        caller = self.host.caller_of(uow.session, *owner)
        if caller is None or caller.revoked_at is not None:
            return
        epoch = current_epoch(uow)
        applier = Applier(self.host, uow, caller, self.collections, self.mutations, epoch, None, last)
        retry_held(uow, applier, journal, pushed=False)

    def refresh(self, audience: Audience, time_zone: str) -> None:
        """Bring one audience's feed up to its scope; what changes meanwhile may wait for the next time."""
        zone = _ZONE_OF_EVERYONE if audience.kind == EVERYONE else time_zone
        for _ in range(_MOST_REFRESHES):
            refresh = partial(self._refresh_once, audience, zone)
            if not repeated_in(self.host.begin_straight, self.host, refresh):
                return

    def _refresh_once(self, audience: Audience, zone: str, straight: Straight, _last: bool) -> bool:
        return self.refresh_step(straight, self.scope, audience, zone).run()

    def _identity_of(self) -> ColumnElement[str | None]:
        if self._identity is None:
            with self.host.begin(write=False) as uow:
                self._identity = identity_expression(uow.session)
        return self._identity

    def _alarm_restored(self, why: str) -> None:
        self.host.alarm("sync-restored", f"{why}: a new epoch begins, and every device starts over")
