"""Restores of the server: which phones can prove one to it, and which only an inventory can mend."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select

from mobile_client_stub import journal
from sync.cursor import Cursor
from sync.models import FEEDS, JOURNALS, STATE
from tests.simulation.device import Device
from tests.simulation.server import Server


class Restores:
    """What restores there were since the last look.

    `provable`: how often somebody could tell the server so with a cursor of the epoch in force; `unprovable`:
    the devices, by id, that had no proof but their inventory.
    """

    def __init__(self, server: Server) -> None:
        self.happened = False
        self.provable = 0
        self.unprovable: set[str] = set()
        self._server = server
        self._unhealed: dict[str, UUID] = {}
        """Phones that have not exchanged since the last restore, by name, with the epoch that they share with
        the restored server: as long as it is in force, nothing tells them of the restore."""

    def note(self, devices: Iterable[Device], *, is_late: bool) -> None:
        """The server was restored just now; `is_late`: a request of before is still under way."""
        self.happened = True
        there = list(devices)
        believed = {device.name: epoch_believed(self._server, device) for device in there}
        self._unhealed = {name: epoch for name, epoch in believed.items() if epoch is not None}
        ahead = any(one.name in self._unhealed and is_ahead(self._server, one) for one in there)
        self.provable += ahead or is_late

    def note_clone(self, device: Device, clone: Device) -> None:
        """Another phone knows what this one knows."""
        if device.name in self._unhealed:
            self._unhealed[clone.name] = self._unhealed[device.name]

    def note_exchanged(self, device: Device) -> None:
        """The phone has been told, if there was anything to tell."""
        self._unhealed.pop(device.name, None)

    def is_unproven(self, device: Device) -> bool:
        """Whether an inventory may have to mend the phone: once after a restore, in the epoch before it."""
        epoch = self._unhealed.get(device.name)
        if epoch is None or epoch_believed(self._server, device) != epoch:
            return False
        self.unprovable.add(str(device.phone.account.device_id))
        return True

    def forget(self) -> None:
        """Everybody has exchanged, and the oracle has looked."""
        self.happened = False
        self.provable = 0
        self.unprovable.clear()
        self._unhealed.clear()


def epoch_believed(server: Server, device: Device) -> UUID | None:
    """The epoch of the phone's cursor if it is the one in force; None if the phone has another, or no cursor.

    Such a phone goes on where it was, unless it is ahead: see `is_ahead`.
    """
    if not device.is_enrolled:
        return None
    cursor = _cursor_of(server, device)
    with server.wiring.factory.begin(write=False) as uow:
        in_force = uow.session.execute(select(STATE.c.epoch)).scalar_one()
    return in_force if cursor is not None and cursor.epoch == in_force else None


def is_ahead(server: Server, device: Device) -> bool:
    """Whether the phone can prove that the server is an older one: by its cursor, or by outcomes.

    A restored server whose feed has grown again beyond the phone's cursor before the phone came is found out
    by the digest alone, and mended by an inventory.
    """
    progress, cursor = journal.progress(device.connection), _cursor_of(server, device)
    with server.wiring.factory.begin(write=False) as uow:
        feeds = uow.session.execute(select(FEEDS.c.audience, FEEDS.c.head))
        heads = {feed.audience: feed.head for feed in feeds}
        mine = JOURNALS.c.journal == UUID(progress.journal)
        expected = uow.session.execute(select(JOURNALS.c.expected_number).where(mine)).scalar() or 1
    places = cursor.places.items() if cursor is not None else ()
    return progress.acknowledged >= expected or any(at.position > heads.get(key, 0) for key, at in places)


def _cursor_of(server: Server, device: Device) -> Cursor | None:
    progress = journal.progress(device.connection)
    token = progress.staged_cursor or progress.cursor
    return server.wiring.sync.signer.read(token) if token else None
