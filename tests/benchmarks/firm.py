"""A firm to measure with: a catalogue as everybody's reference data, technicians, and their phones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from rich.console import Console
from sqlalchemy import select

from backend.access.doorkeeper import Phone as Introduced
from backend.app import Wiring, wire
from backend.db.engine import make_engine
from backend.db.upgrade import upgrade
from backend.parts.models import Part
from backend.seed import seed_firm
from backend.settings import read_settings
from backend.visits.models import Visit
from schemas.parts import PartKind
from tests.benchmarks.load import converse
from tests.benchmarks.phone import Phone
from tests.journeys.server import ServerProcess

_AT_ONCE = 1000
_QUIET = Console(quiet=True)
_CHEAP = {
    "throttle": False,
    "enrolment_code_seconds": 86_400,
    "access_token_seconds": 86_400,
    "argon2_time_cost": 1,
    "argon2_memory_kib": 1024,
}
"""Of this process only: it makes people by the hundred. The server keeps its settings and its throttles."""


@dataclass
class Firm:
    """One Doorstep on one database: the server, and the same wiring in this process."""

    server: ServerProcess
    wiring: Wiring

    def phones(self, count: int, *, visits: int = 1) -> list[Phone]:
        """Phones of new technicians with `visits` visits each, enrolled."""
        people = seed_firm(self.wiring, technicians=count, visits=visits, console=_QUIET).technicians
        return [self._enrol(person.id, person.enrolment_code or "") for person in people]

    def _enrol(self, technician_id: str, code: str) -> Phone:
        enrolled = self.wiring.authenticator.enrol(
            self.wiring.factory, Introduced("bench", "bench"), code=code, address=None
        )
        with self.wiring.factory.begin(write=False) as uow:
            of_technician = select(Visit.id).where(Visit.technician_id == UUID(technician_id))
            visit_id = uow.session.scalars(of_technician.limit(1)).first()
        return Phone(enrolled.tokens.access_token, str(visit_id), technician_id)

    def pull(self, phones: list[Phone]) -> None:
        """Bring phones up to date."""
        for start in range(0, len(phones), 8):
            converse(self.server.port, [phone.pull() for phone in phones[start : start + 8]])


@contextmanager
def running_firm(url: str, folder: Path, *, workers: int, records: int = 0) -> Iterator[Firm]:
    """A server on an empty database, and `records` parts in its catalogue."""
    upgrade(url)
    engine = make_engine(url)
    settings = replace(read_settings(database=url, data=folder), **_CHEAP)
    folder.mkdir(parents=True, exist_ok=True)
    wiring = wire(engine, settings)
    fill(wiring, records)
    try:
        with ServerProcess(url, folder, workers=workers) as server:
            yield Firm(server, wiring)
    finally:
        engine.dispose()


def fill(wiring: Wiring, records: int) -> None:
    """A catalogue of so many parts."""
    for start in range(0, records, _AT_ONCE):
        with wiring.factory.begin() as uow:
            uow.add_all(a_part(uow.mint_id(), n) for n in range(start, min(start + _AT_ONCE, records)))


def a_part(part_id: UUID, number: int) -> Part:
    """A part whose body in the feed has about 650 bytes."""
    name = f"Part {number} " + "with a name as long as those of wholesale catalogues " * 9
    return Part(
        id=part_id,
        sku=f"BENCH-{number:06}",
        name=name.strip(),
        search_name=name.strip().lower(),
        unit="piece",
        kind=PartKind.PART,
        price_minor=100 + number,
        currency="EUR",
    )
