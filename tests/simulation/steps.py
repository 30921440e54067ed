"""What can happen in a world, one step at a time: each says in a few words what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from mobile_client_stub import journal
from tests.simulation import technician
from tests.simulation.keeping import stored_ids
from tests.simulation.network import EVENTS as REQUEST_EVENTS
from tests.simulation.office import ACTS
from tests.simulation.server import RELEASES

if TYPE_CHECKING:
    from tests.simulation.world import World

RARE, OFTEN = 1.2, 4
"""Steps of at most this weight come so many times as often in an eventful world."""
MOST_DEVICES = 6
AFTER_THE_REPLY = 2
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


def _type(world: World) -> str:
    device = world.free_device()
    if device is None or device.needs_code:
        return "nobody"
    done: list[str] = []
    if world.dice.random() < 0.03:
        device.fate.die_in(world.dice.randint(1, 3))
    said = device.act(lambda phone: done.append(technician.do_something(phone, device.dice)))
    world.read(device)
    return f"{device.name} {' '.join(done)} {said}"


def _exchange(world: World) -> str:
    device = world.free_device()
    if device is None:
        return "nobody"
    if device.needs_code:
        return f"{device.name} is enrolled: {world.office.enrol(device)}"
    if world.dice.random() < 0.15:
        device.fate.die_in(world.dice.randint(1, 12))
    return f"{device.name} {'empty' if world.sync(device) else 'busy'} {device.last_trouble}"


def _death(world: World) -> str:
    """The server dies while a phone is talking to it."""
    device = world.free_device()
    if device is None or device.needs_code:
        return "nobody"
    world.server.die_soon(world.dice)
    said = world.sync(device)
    world.server.live()
    return f"{device.name} {'empty' if said else 'busy'}"


def _office(world: World) -> str:
    name, how = world.office.do_something()
    if how == "done":
        world.counts[f"office: {name}"] += 1
    return f"{name}: {how}"


def _time_passes(world: World) -> str:
    world.time.advance(seconds=world.dice.choice((1, 10, 60, 300, 1200)))
    return world.time.now.isoformat()


def _day_rolls(world: World) -> str:
    world.time.advance(hours=world.dice.choice((7, 12, 24)))
    world.office.plan_shifts()
    return world.time.now.isoformat()


def _late(world: World) -> str:
    return world.network.deliver_late()


def _clock_changes(world: World) -> str:
    device = world.dice.choice(world.devices)
    device.set_clock(world.dice.choice(CLOCKS))
    return f"{device.name} {device.clock_is_off_by}"


def _clone(world: World) -> str:
    device = world.free_device()
    if device is None or device.needs_code or len(world.devices) >= MOST_DEVICES:
        return "nobody"
    return f"{device.name} → {world.clone(device).name}"


def _revoke(world: World) -> str:
    device = world.free_device()
    if device is None or device.needs_code:
        return "nobody"
    return f"{device.name} {world.office.revoke(device)}"


def _disable(world: World) -> str:
    technician = world.dice.choice(world.office.technicians)
    return f"{technician} {world.office.disable(technician)}"


def _enable(world: World) -> str:
    disabled = world.office.disabled()
    return f"{disabled[0]} {world.office.enable(disabled[0])}" if disabled else "nobody"


def _back_up(world: World) -> str:
    world.server.back_up()
    world.sealed_at_backup = dict(world.oracle.kept.sealed)
    return "done"


def _restore(world: World) -> str:
    if world.sealed_at_backup is None:
        return "no backup"
    world.server.restore()
    world.office.decided.clear()
    world.restores.note(world.devices, is_late=bool(world.network.late))
    world.oracle.kept.sealed.clear()
    world.oracle.kept.sealed.update(world.sealed_at_backup)
    with world.server.wiring.factory.begin(write=False) as uow:
        world.ledger.note_restore(stored_ids(uow.session))
    world.office.plan_shifts()
    return "done"


def _deploy(world: World) -> str:
    release = min(world.server.release + 1, RELEASES - 1)
    world.server.deploy(release)
    return str(release)


def _update_app(world: World) -> str:
    device = world.dice.choice(world.devices)
    device.app = min(device.app + 1, RELEASES)
    return f"{device.name} {device.app}"


def _alter(world: World) -> str:
    """A faulty app writes other words into a mutation that the server has and the phone does not know.

    Once: altered again before it was sent, the words in between were never anywhere but on that phone.
    """
    device = world.free_device()
    if device is None or device.needs_code:
        return "nobody"
    device.fate.die_in(AFTER_THE_REPLY)
    world.sync(device)
    with world.server.wiring.factory.begin(write=False) as uow:
        stored = stored_ids(uow.session)
    sent = [one.mutation_id for one in journal.unacknowledged(device.connection)]
    unheard = [one for one in sent if one in stored and not world.ledger.is_altered(one)]
    if not unheard:
        return "nothing"
    chosen = world.dice.choice(unheard)
    device.tamper(chosen, {"text": f"altered {world.dice.getrandbits(40):010x}"})
    world.ledger.alter(device, chosen)
    return f"{device.name} {chosen}"


Act: TypeAlias = "Callable[[World], str]"

STEPS: tuple[tuple[str, Act, float], ...] = (
    ("type", _type, 45),
    ("exchange", _exchange, 22),
    ("death", _death, 3),
    ("office", _office, 15),
    ("time", _time_passes, 10),
    ("late", _late, 2),
    ("clock", _clock_changes, 0.6),
    ("clone", _clone, 0.4),
    ("revoke", _revoke, 0.3),
    ("disable", _disable, 0.3),
    ("enable", _enable, 0.6),
    ("day", _day_rolls, 0.3),
    ("backup", _back_up, 1.2),
    ("restore", _restore, 0.6),
    ("deploy", _deploy, 0.2),
    ("app", _update_app, 0.3),
    ("alter", _alter, 0.7),
)
IDLE = frozenset({"nobody", "nothing", "no backup", "nothing is under way"})
"""What a step says that found nothing to do."""
KINDS = [(kind, act) for kind, act, _ in STEPS]
WEIGHTS = [weight for _, _, weight in STEPS]
EVENTFUL_WEIGHTS = [weight * OFTEN if weight <= RARE else weight for weight in WEIGHTS]
MEANWHILE: list[tuple[str, Act]] = [
    ("office", _office),
    ("exchange", _exchange),
    ("type", _type),
    ("time", _time_passes),
]
MEANWHILE_WEIGHTS = [4, 3, 2, 1]
"""What happens while a request is under way, and how often."""

EVENTS = frozenset(
    (
        *(kind for kind, _ in KINDS),
        *(f"office: {act}" for act in ACTS),
        *(f"request: {e}" for e in REQUEST_EVENTS),
    )
)
"""Everything that can happen, as `World.counts` names it: a long run must have seen all of it."""
