"""The stage on which the chapters of a day play."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress

from mobile_client_stub.phone import Phone
from mobile_client_stub.words import PhoneError
from tests.journeys.office import Office
from tests.journeys.plan import Plan
from tests.journeys.server import ServerProcess, free_port
from tests.journeys.told import Told
from tests.journeys.warm import Warm

Body = dict[str, Any]
FIRM = {
    "DOORSTEP_FIRM_NAME": "Hearth & Home Service",
    "DOORSTEP_FIRM_ADDRESS": "14 Quay Street\nIpswich IP4 1BX",
    "DOORSTEP_FIRM_CONTACT": "help@hearth.example · +44 1473 555 010",
}


class Stage:
    """What all chapters share: the server, people and phones, the clock, and where the story is told."""

    def __init__(self, plan: Plan, console: Console, warm: Warm | None) -> None:
        self.plan = plan
        self.console = console
        self.dice = random.Random(plan.seed)
        environment = {"DOORSTEP_TIME_ZONE": plan.time_zone, **FIRM}
        self.server = ServerProcess(
            plan.database,
            plan.folder / "server",
            environment,
            plan.port or free_port(),
            workers=plan.workers,
            warm=warm,
        )
        self.told = Told()
        self.firm: Body = {}
        self.moved_visit = self.moved_to = ""
        self._offices: dict[str, Office] = {}
        self.visits: list[Body] = []
        self.phones: dict[str, Phone] = {}
        self.now = plan.at(0, 9)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        for holder in (*self.phones.values(), *self._offices.values()):
            holder.close()

    def office(self, role: str = "dispatcher") -> Office:
        """Somebody of the office, signed in."""
        if role not in self._offices:
            person = next(person for person in self.firm["office"] if person["role"] == role)
            self._offices[role] = Office(self.server.url, person["email"], person["password"])
        return self._offices[role]

    def server_on(self, instant: datetime) -> ServerProcess:
        """The server, to be started on that day."""
        offset = (instant - datetime.now(UTC)).total_seconds()
        self.server.environment["DOORSTEP_CLOCK_OFFSET_SECONDS"] = str(offset)
        self.now = instant
        return self.server

    def command(self, *arguments: str) -> str:
        """What a command of `doorstep` says on the first morning."""
        self.server_on(self.plan.at(0, 9))
        done = self.server.run(*arguments)
        if done.returncode:
            raise AssertionError(
                f"doorstep {' '.join(arguments)} → {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout.strip()

    def phone(self, name: str, transport: httpx.BaseTransport | None = None) -> Phone:
        """A phone, in a folder of that name, on the clock of the story."""
        return Phone(
            self.plan.folder / name,
            transport=transport,
            clock=lambda: self.now,
            sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
            dice=random.Random(self.plan.seed),
        )

    def chapter(self, heading: str) -> None:
        """Begin a chapter."""
        self.console.print(f"\n[bold]{heading}[/]")

    def say(self, sentence: str) -> None:
        """A line of the story."""
        self.console.print(f"  {sentence}", highlight=False, markup=False)

    def progress(self, items: list[Any], what: str) -> Any:
        """The items, while a bar says how far it has come."""
        with Progress(console=self.console, transient=True) as progress:
            yield from progress.track(items, description=f"  {what}")

    def drain(self, phone: Phone, tries: int = 200) -> None:
        """Sync until nothing waits on the phone."""
        for _ in range(tries):
            try:
                phone.sync()
            except PhoneError:
                continue
            outbox = phone.outbox()
            if not outbox.unsent and not outbox.media:
                return
        raise AssertionError(f"a phone did not drain: {phone.outbox()}")

    def pack_one(self, office: Office, visit_id: str) -> None:
        """Tick off the kit of a visit and let it leave."""
        for line in office.every("/checklist-items", visit_id=visit_id):
            office.post(f"/checklist-items/{line['id']}/tick", packed=True)
        office.post(f"/visits/{visit_id}/dispatch")
