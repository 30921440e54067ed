"""The world: one server, an office, phones, and a seeded scheduler that lets everything go wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import sync.pull
from mobile_client_stub.phone import Phone
from tests.simulation.chance import Time, Trace
from tests.simulation.device import Device
from tests.simulation.holding import additions_shown, check_additions
from tests.simulation.invariants import InvariantBroken
from tests.simulation.keeping import Fingerprint, stored_ids
from tests.simulation.ledger import Ledger
from tests.simulation.network import Network
from tests.simulation.office import found_firm
from tests.simulation.oracle import Oracle
from tests.simulation.restores import Restores, is_ahead
from tests.simulation.server import Server, ServerDied
from tests.simulation.steps import (
    EVENTFUL_WEIGHTS,
    IDLE,
    KINDS,
    MEANWHILE,
    MEANWHILE_WEIGHTS,
    WEIGHTS,
    Act,
)

TECHNICIANS = 3
BADNESS = 0.25
SMALL_PAGES = 0.5
"""The share of worlds in which answers are read a few changes at a time, most of them on their way."""
_PAGE_CHANGES = sync.pull.PAGE_CHANGES
STEPS_BETWEEN_LOOKS = 200
HEALING_SECONDS = 60


class World:
    """Everything there is, and the dice that decide what happens next."""

    def __init__(self, url: str, folder: Path, seed: str, trace: Trace, *, eventful: bool = False) -> None:
        """`eventful`: what is rare happens often, so that a short life sees all of it."""
        self.folder = folder
        self.dice = random.Random(seed)
        self.time = Time()
        self.trace = trace
        self.counts: Counter[str] = Counter()
        self.looks = 0
        self.step_number = 0
        self.server = Server(url, folder, self.time, self._more_dice())
        self.ledger = Ledger()
        self.oracle = Oracle(self.server, self.ledger)
        if self.dice.random() < SMALL_PAGES:
            sync.pull.PAGE_CHANGES = self.dice.randint(3, 7)
        self.office = found_firm(self.server, self.time, self._more_dice(), TECHNICIANS)
        self.network = Network(
            self.server, self.time, self._more_dice(), self.trace, self._meanwhile, self.counts
        )
        self.devices: list[Device] = []
        self.restores = Restores(self.server)
        self.sealed_at_backup: dict[UUID, Fingerprint] | None = None
        self._weights = EVENTFUL_WEIGHTS if eventful else WEIGHTS
        self._acts = 0
        self._nesting = 0
        self._named = 0

    def begin(self) -> None:
        """Give everybody a phone, and look for the first time."""
        for number in range(TECHNICIANS + 1):
            self.new_device(str(self.office.technicians[number % TECHNICIANS]))
        self.heal_and_look()

    def close(self) -> None:
        """Switch everything off."""
        for device in self.devices:
            device.close()
        self.server.close()
        sync.pull.PAGE_CHANGES = _PAGE_CHANGES

    def run(self, steps: int, progress: Callable[[], None] = lambda: None) -> None:
        """So many steps, with a healing and a look at everything now and then and at the end."""
        next_look = self.step_number + self._pause()
        for _ in range(steps):
            self.step_number += 1
            progress()
            self.step()
            if self.step_number >= next_look:
                self.heal_and_look()
                next_look = self.step_number + self._pause()
        self.heal_and_look()

    def step(self) -> None:
        """One thing happens."""
        self.network.badness = BADNESS
        kind, act = self.dice.choices(KINDS, self._weights)[0]
        self._take(kind, act)

    def _take(self, kind: str, act: Act) -> None:
        self.trace.add(f"{self.step_number} {kind} …")
        self._acts += 1
        said = act(self)
        self.counts[kind if said not in IDLE else f"{kind} ({said})"] += 1
        self.trace.add(f"{self.step_number} {kind}: {said}")

    def _meanwhile(self) -> None:
        """Something else happens while a request is under way."""
        if self._nesting >= 2:
            return
        self._nesting += 1
        try:
            kind, act = self.dice.choices(MEANWHILE, MEANWHILE_WEIGHTS)[0]
            self._take(kind, act)
        except ServerDied:
            self.trace.add(f"{self.step_number} the office hears nothing: the server died")
        finally:
            self._nesting -= 1

    # Healing

    def heal_and_look(self) -> None:
        """Networks are good again: within a minute every queue is empty, and then everything must hold."""
        self.network.badness = 0.0
        for person in self.office.disabled():
            self.office.enable(person)
        while self.network.late:
            self.network.deliver_late()
        deadline = self.time.now + timedelta(seconds=HEALING_SECONDS)
        # One round in which nobody's exchange moved anything; what one phone pushes another one pulls.
        began = self.time.now
        while waiting := [device for device in self.devices if not self._is_drained(device)]:
            if self.time.now > deadline:
                raise InvariantBroken(
                    f"{waiting[0].name} is not done after {HEALING_SECONDS} s: {waiting[0].last_trouble}"
                )
            self.time.advance(seconds=2)
            began = self.time.now
        self.oracle.look(self.devices, began, restores=self.restores, decided=self.office.decided)
        self.office.decided.clear()
        self.restores.forget()
        self.looks += 1
        self._retire_spare_phones()

    def _is_drained(self, device: Device) -> bool:
        """Whether an exchange found nothing to do; a phone that was shut out is let in again."""
        if device.needs_code:
            self.office.enrol(device)
            return False
        return self.sync(device)

    def sync(self, device: Device) -> bool:
        """Whether the exchange was empty, both ways."""
        moved: list[int] = []

        def sync(phone: Phone) -> None:
            report = phone.sync()
            done = report.exchanged
            moved.append(done.sent + done.received + report.uploaded.sent + report.uploaded.failed)
            mended.append(done.reconciled)

        self.read(device)
        mended: list[int] = []
        unproven, acts = self.restores.is_unproven(device), self._acts
        is_provable = unproven and is_ahead(self.server, device)
        was_enrolled, shown = device.is_enrolled, additions_shown(device)
        said = device.act(sync)
        self.read(device)
        if any(mended):
            # What somebody else does during the exchange may take the proof away before the phone shows it.
            if not unproven or (is_provable and acts == self._acts):
                raise InvariantBroken(f"{device.name} had to reconcile: its records did not add up")
            self.counts["mended by inventory"] += 1
        if was_enrolled and not device.is_enrolled:
            self.note_gone(device)
        elif said == "done":
            self.restores.note_exchanged(device)
            check_additions(device, shown)
        self.counts[f"sync {said}"] += 1
        return said == "done" and not any(moved)

    def note_gone(self, device: Device) -> None:
        """The phone holds nothing any more: all that it had must be on the server, or with somebody else."""
        with self.server.wiring.factory.begin(write=False) as uow:
            lost = self.ledger.note_gone(device, stored_ids(uow.session))
        if lost:
            raise InvariantBroken(f"{device.name} is gone, and nobody has mutations {lost}")

    def read(self, device: Device) -> None:
        """Take in what was typed on the phone."""
        self.counts["typed"] += self.ledger.read(device)

    # Furniture

    def new_device(self, user: str) -> Device:
        """One more phone, in this technician's hands."""
        name = f"phone-{self._named}"
        self._named += 1
        device = Device(name, user, self.folder / name, self.time, self._more_dice(), self.network.connect)
        self.devices.append(device)
        return device

    def clone(self, device: Device) -> Device:
        """One more phone, which is a copy of this one."""
        device.copy_to(self.folder / f"phone-{self._named}")
        clone = self.new_device(device.user)
        clone.journal_read = device.journal_read
        self.ledger.note_clone(device, clone)
        self.restores.note_clone(device, clone)
        return clone

    def _retire_spare_phones(self) -> None:
        """Clones are handed in, once everything they had is in."""
        for device in self.devices[TECHNICIANS + 1 :]:
            self.note_gone(device)
            device.close()
        del self.devices[TECHNICIANS + 1 :]

    def free_device(self) -> Device | None:
        """A phone that is not in the middle of something, if there is one."""
        free = [device for device in self.devices if not device.busy]
        return self.dice.choice(free) if free else None

    def _more_dice(self) -> random.Random:
        return random.Random(self.dice.getrandbits(64))

    def _pause(self) -> int:
        return self.dice.randint(STEPS_BETWEEN_LOOKS // 2, STEPS_BETWEEN_LOOKS * 3 // 2)
