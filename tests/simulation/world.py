"""The world: one server, an office, phones, and a seeded scheduler that lets everything go wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import sync.pull
from mobile_client_stub import journal
from mobile_client_stub.phone import Phone
from tests.simulation import technician
from tests.simulation.chance import Time, Trace
from tests.simulation.device import Device
from tests.simulation.ledger import Ledger
from tests.simulation.network import EVENTS as REQUEST_EVENTS
from tests.simulation.network import InvariantBroken, Network
from tests.simulation.office import ACTS, found_firm
from tests.simulation.oracle import (
    Fingerprint,
    Oracle,
    additions_shown,
    check_additions,
    epoch_believed,
    is_ahead,
    stored_ids,
)
from tests.simulation.server import RELEASES, Server, ServerDied

TECHNICIANS = 3
MOST_DEVICES = 6
BADNESS = 0.25
RARE, OFTEN = 1.2, 4
"""Steps of at most this weight come so many times as often in an eventful world."""
SMALL_PAGES = 0.5
"""The share of worlds in which answers are read a few changes at a time, most of them on their way."""
_PAGE_CHANGES = sync.pull.PAGE_CHANGES
STEPS_BETWEEN_LOOKS = 200
HEALING_SECONDS = 60
DAYS = timedelta(days=1)
_AFTER_THE_REPLY = 2
"""The second moment of an exchange: the server has answered, and the phone has kept nothing of it yet."""
CLOCKS = (
    timedelta(0),
    timedelta(0),
    timedelta(seconds=-20),
    timedelta(minutes=3),
    timedelta(days=-1),
    timedelta(days=3652),
    timedelta(days=-3652),
)


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
        self._backup: dict[UUID, Fingerprint] | None = None
        self._restored = False
        self._provable = 0
        self._unhealed: dict[str, UUID] = {}
        """Phones that have not exchanged since the last restore, by name, with the epoch that they share with
        the restored server: as long as it is in force, nothing tells them of the restore."""
        self._unprovable: set[str] = set()
        """Devices, by id, that since the last look had no proof of a restore but their inventory."""
        self._weights = _EVENTFUL if eventful else _WEIGHTS
        self._acts = 0
        self._nesting = 0
        self._named = 0

    def begin(self) -> None:
        """Give everybody a phone, and look for the first time."""
        for number in range(TECHNICIANS + 1):
            self._new_device(str(self.office.technicians[number % TECHNICIANS]))
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
        kind, act = self.dice.choices(_KINDS, self._weights)[0]
        self._take(kind, act)

    def _take(self, kind: str, act: Callable[[World], str]) -> None:
        self.trace.add(f"{self.step_number} {kind} …")
        self._acts += 1
        said = act(self)
        self.counts[kind if said not in _IDLE else f"{kind} ({said})"] += 1
        self.trace.add(f"{self.step_number} {kind}: {said}")

    def _meanwhile(self) -> None:
        """Something else happens while a request is under way."""
        if self._nesting >= 2:
            return
        self._nesting += 1
        try:
            kind, act = self.dice.choices(_MEANWHILE, _MEANWHILE_WEIGHTS)[0]
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
        self.oracle.look(
            self.devices,
            began,
            restored=self._restored,
            provable=self._provable,
            unprovable=self._unprovable,
            decided=self.office.decided,
        )
        self.office.decided.clear()
        self._restored = False
        self._provable = 0
        self._unhealed.clear()
        self._unprovable.clear()
        self.looks += 1
        self._retire_spare_phones()

    def _is_drained(self, device: Device) -> bool:
        """Whether an exchange found nothing to do; a phone that was shut out is let in again."""
        if device.needs_code:
            self.office.enrol(device)
            return False
        return self._sync(device)

    def _sync(self, device: Device) -> bool:
        """Whether the exchange was empty, both ways."""
        moved: list[int] = []

        def sync(phone: Phone) -> None:
            report = phone.sync()
            done = report.exchanged
            moved.append(done.sent + done.received + report.uploaded.sent + report.uploaded.failed)
            mended.append(done.reconciled)

        self._read(device)
        mended: list[int] = []
        unproven, acts = self._is_unproven(device), self._acts
        is_provable = unproven and is_ahead(self.server, device)
        was_enrolled, shown = device.is_enrolled, additions_shown(device)
        said = device.act(sync)
        self._read(device)
        if any(mended):
            # What somebody else does during the exchange may take the proof away before the phone shows it.
            if not unproven or (is_provable and acts == self._acts):
                raise InvariantBroken(f"{device.name} had to reconcile: its records did not add up")
            self.counts["mended by inventory"] += 1
        if was_enrolled and not device.is_enrolled:
            self._note_gone(device)
        elif said == "done":
            self._unhealed.pop(device.name, None)
            check_additions(device, shown)
        self.counts[f"sync {said}"] += 1
        return said == "done" and not any(moved)

    def _is_unproven(self, device: Device) -> bool:
        """Whether an inventory may have to mend the phone: once after a restore, in the epoch before it."""
        epoch = self._unhealed.get(device.name)
        if epoch is None or epoch_believed(self.server, device) != epoch:
            return False
        self._unprovable.add(str(device.phone.account.device_id))
        return True

    def _note_gone(self, device: Device) -> None:
        with self.server.wiring.factory.begin(write=False) as uow:
            lost = self.ledger.note_gone(device, stored_ids(uow.session))
        if lost:
            raise InvariantBroken(f"{device.name} is gone, and nobody has mutations {lost}")

    def _read(self, device: Device) -> None:
        self.counts["typed"] += self.ledger.read(device)

    # Steps

    def _type(self) -> str:
        device = self._free_device()
        if device is None or device.needs_code:
            return "nobody"
        done: list[str] = []
        if self.dice.random() < 0.03:
            device.fate.die_in(self.dice.randint(1, 3))
        said = device.act(lambda phone: done.append(technician.do_something(phone, device.dice)))
        self._read(device)
        return f"{device.name} {' '.join(done)} {said}"

    def _exchange(self) -> str:
        device = self._free_device()
        if device is None:
            return "nobody"
        if device.needs_code:
            return f"{device.name} is enrolled: {self.office.enrol(device)}"
        if self.dice.random() < 0.15:
            device.fate.die_in(self.dice.randint(1, 12))
        return f"{device.name} {'empty' if self._sync(device) else 'busy'} {device.last_trouble}"

    def _death(self) -> str:
        """The server dies while a phone is talking to it."""
        device = self._free_device()
        if device is None or device.needs_code:
            return "nobody"
        self.server.die_soon(self.dice)
        said = self._sync(device)
        self.server.live()
        return f"{device.name} {'empty' if said else 'busy'}"

    def _office(self) -> str:
        name, how = self.office.do_something()
        if how == "done":
            self.counts[f"office: {name}"] += 1
        return f"{name}: {how}"

    def _time_passes(self) -> str:
        self.time.advance(seconds=self.dice.choice((1, 10, 60, 300, 1200)))
        return self.time.now.isoformat()

    def _day_rolls(self) -> str:
        self.time.advance(hours=self.dice.choice((7, 12, 24)))
        self.office.plan_shifts()
        return self.time.now.isoformat()

    def _late(self) -> str:
        return self.network.deliver_late()

    def _clock_changes(self) -> str:
        device = self.dice.choice(self.devices)
        device.set_clock(self.dice.choice(CLOCKS))
        return f"{device.name} {device.clock_is_off_by}"

    def _clone(self) -> str:
        device = self._free_device()
        if device is None or device.needs_code or len(self.devices) >= MOST_DEVICES:
            return "nobody"
        home = self.folder / f"phone-{self._named}"
        device.copy_to(home)
        clone = self._new_device(device.user, home)
        clone.journal_read = device.journal_read
        self.ledger.note_clone(device, clone)
        if device.name in self._unhealed:
            self._unhealed[clone.name] = self._unhealed[device.name]
        return f"{device.name} → {clone.name}"

    def _revoke(self) -> str:
        device = self._free_device()
        if device is None or device.needs_code:
            return "nobody"
        return f"{device.name} {self.office.revoke(device)}"

    def _disable(self) -> str:
        technician = self.dice.choice(self.office.technicians)
        return f"{technician} {self.office.disable(technician)}"

    def _enable(self) -> str:
        disabled = self.office.disabled()
        return f"{disabled[0]} {self.office.enable(disabled[0])}" if disabled else "nobody"

    def _back_up(self) -> str:
        self.server.back_up()
        self._backup = dict(self.oracle.sealed)
        return "done"

    def _restore(self) -> str:
        if self._backup is None:
            return "no backup"
        self.server.restore()
        self._restored = True
        self.office.decided.clear()
        believed = {device.name: epoch_believed(self.server, device) for device in self.devices}
        self._unhealed = {name: epoch for name, epoch in believed.items() if epoch is not None}
        ahead = any(d.name in self._unhealed and is_ahead(self.server, d) for d in self.devices)
        self._provable += ahead or bool(self.network.late)
        self.oracle.sealed.clear()
        self.oracle.sealed.update(self._backup)
        with self.server.wiring.factory.begin(write=False) as uow:
            self.ledger.note_restore(stored_ids(uow.session))
        self.office.plan_shifts()
        return "done"

    def _deploy(self) -> str:
        release = min(self.server.release + 1, RELEASES - 1)
        self.server.deploy(release)
        return str(release)

    def _update_app(self) -> str:
        device = self.dice.choice(self.devices)
        device.app = min(device.app + 1, RELEASES)
        return f"{device.name} {device.app}"

    def _alter(self) -> str:
        """A faulty app writes other words into a mutation that the server has and the phone does not know.

        Once: altered again before it was sent, the words in between were never anywhere but on that phone.
        """
        device = self._free_device()
        if device is None or device.needs_code:
            return "nobody"
        device.fate.die_in(_AFTER_THE_REPLY)
        self._sync(device)
        with self.server.wiring.factory.begin(write=False) as uow:
            stored = stored_ids(uow.session)
        sent = [one.mutation_id for one in journal.unacknowledged(device.connection)]
        unheard = [one for one in sent if one in stored and not self.ledger.is_altered(one)]
        if not unheard:
            return "nothing"
        chosen = self.dice.choice(unheard)
        device.tamper(chosen, {"text": f"altered {self.dice.getrandbits(40):010x}"})
        self.ledger.alter(device, chosen)
        return f"{device.name} {chosen}"

    # Furniture

    def _new_device(self, user: str, home: Path | None = None) -> Device:
        name = f"phone-{self._named}"
        self._named += 1
        device = Device(
            name, user, home or self.folder / name, self.time, self._more_dice(), self.network.connect
        )
        self.devices.append(device)
        return device

    def _retire_spare_phones(self) -> None:
        """Clones are handed in, once everything they had is in."""
        for device in self.devices[TECHNICIANS + 1 :]:
            self._note_gone(device)
            device.close()
        del self.devices[TECHNICIANS + 1 :]

    def _free_device(self) -> Device | None:
        free = [device for device in self.devices if not device.busy]
        return self.dice.choice(free) if free else None

    def _more_dice(self) -> random.Random:
        return random.Random(self.dice.getrandbits(64))

    def _pause(self) -> int:
        return self.dice.randint(STEPS_BETWEEN_LOOKS // 2, STEPS_BETWEEN_LOOKS * 3 // 2)


_STEPS: tuple[tuple[str, Callable[[World], str], float], ...] = (
    ("type", World._type, 45),
    ("exchange", World._exchange, 22),
    ("death", World._death, 3),
    ("office", World._office, 15),
    ("time", World._time_passes, 10),
    ("late", World._late, 2),
    ("clock", World._clock_changes, 0.6),
    ("clone", World._clone, 0.4),
    ("revoke", World._revoke, 0.3),
    ("disable", World._disable, 0.3),
    ("enable", World._enable, 0.6),
    ("day", World._day_rolls, 0.3),
    ("backup", World._back_up, 1.2),
    ("restore", World._restore, 0.6),
    ("deploy", World._deploy, 0.2),
    ("app", World._update_app, 0.3),
    ("alter", World._alter, 0.7),
)
_IDLE = frozenset({"nobody", "nothing", "no backup", "nothing is under way"})
"""What a step says that found nothing to do."""
_KINDS = [(kind, act) for kind, act, _ in _STEPS]
_WEIGHTS = [weight for _, _, weight in _STEPS]
_EVENTFUL = [weight * OFTEN if weight <= RARE else weight for weight in _WEIGHTS]
_MEANWHILE = [
    ("office", World._office),
    ("exchange", World._exchange),
    ("type", World._type),
    ("time", World._time_passes),
]
_MEANWHILE_WEIGHTS = [4, 3, 2, 1]

EVENTS = frozenset(
    (
        *(kind for kind, _ in _KINDS),
        *(f"office: {act}" for act in ACTS),
        *(f"request: {e}" for e in REQUEST_EVENTS),
    )
)
"""Everything that can happen, as `World.counts` names it: a long run must have seen all of it."""
