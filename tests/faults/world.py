"""A real server behind a bad network, with reference phones, and the oracle over all of it."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from rich.console import Console

from backend.access.actions import create_enrolment_code
from backend.access.permissions import SYSTEM
from backend.app import Wiring, wire
from backend.checks import JournalLine, check_everything
from backend.db.engine import make_engine
from backend.db.upgrade import upgrade
from backend.seed import Firm, seed_firm
from mobile_client_stub import journal
from mobile_client_stub.conformance.wire import Device, Wire
from mobile_client_stub.phone import Phone
from mobile_client_stub.transport import certificates
from mobile_client_stub.words import Body, Clock, PhoneError, utc_now
from tests.faults.own_cluster import OwnCluster
from tests.faults.proxy import FaultProxy
from tests.journeys.server import ServerProcess
from tests.journeys.warm import Warm
from tests.postgres import Cluster
from tests.settings import cheap_settings

PATIENCE = 3.0
"""Seconds a phone of these tests waits for an answer."""
DRAINED_WITHIN = 60.0
BUSY = 503
TEN_MINUTES = timedelta(minutes=10)
VISITS_EACH = 2
CLOCK_OFFSET = "DOORSTEP_CLOCK_OFFSET_SECONDS"


class Heard(NamedTuple):
    """What a phone heard to one request: `status` is None when no answer came."""

    path: str
    status: int | None
    retry_after: str | None = None


class Impatient(httpx.BaseTransport):
    """A transport that waits no longer than `seconds`, whatever its client would, and notes what it `heard`.

    Each request has a connection of its own, so that each can have a trouble of its own.
    """

    def __init__(self, seconds: float, heard: list[Heard]) -> None:
        self._heard = heard
        self._inner = httpx.HTTPTransport(
            verify=certificates(), limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._timeout = dict.fromkeys(("connect", "read", "write", "pool"), seconds)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = self._timeout
        try:
            response = self._inner.handle_request(request)
        except httpx.TransportError:
            self._heard.append(Heard(request.url.path, None))
            raise
        told = response.headers.get("Retry-After")
        self._heard.append(Heard(request.url.path, response.status_code, told))
        return response

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True)
class Verdict:
    """What the oracle found. `differing`: phones that do not hold what a new phone of theirs would."""

    mutations: int
    waiting: int
    lost: int
    doubled: int
    differing: int
    faults: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.waiting or self.lost or self.doubled or self.differing or self.faults)


@dataclass
class MovedClock:
    """A clock that is `ahead` of the machine's."""

    ahead: timedelta

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class World:
    """One deployment. `thorough` runs the long variant of a fault.

    `cluster` is the PostgreSQL it runs on, `disk` a small disk of its own, `home` where other databases live.
    """

    engine_name: str
    url: str
    folder: Path
    server: ServerProcess
    proxy: FaultProxy
    firm: Firm
    wiring: Wiring
    clock: MovedClock
    thorough: bool = False
    home: Path = Path()
    cluster: Cluster | OwnCluster | None = None
    disk: Path | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(20))
    phones: list[Phone] = field(default_factory=list)
    sent: list[JournalLine] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    """What the phones of the case heard, request by request."""
    measured: str = ""
    """What the case took the time of, in a sentence for the table."""
    _made: int = 0

    def set_clock(self, ahead: timedelta) -> None:
        """The firm's clock jumps to so much ahead of the machine's; the server starts again with it."""
        self.clock.ahead = ahead
        self.server.stop()
        self.server.environment[CLOCK_OFFSET] = str(ahead.total_seconds())
        self.server.start()

    def rounds(self, quick: int, thorough: int) -> int:
        """How often to do it."""
        return thorough if self.thorough else quick

    def code(self, technician: int = 0) -> str:
        """A one-time code for one more phone of a technician."""
        person = UUID(self.firm.technicians[technician].id)
        with self.wiring.factory.begin() as uow:
            return create_enrolment_code(uow, SYSTEM, person, valid_for=TEN_MINUTES)[0]

    def phone(
        self,
        technician: int = 0,
        *,
        clock: Clock = utc_now,
        patience: float = PATIENCE,
        server: str | None = None,
    ) -> Phone:
        """A phone, enrolled and synchronised over a good network, that talks through the proxy."""
        self._made += 1
        phone = Phone(
            self.folder / f"phone-{self._made}",
            transport=Impatient(patience, self.heard),
            clock=clock,
            sleep=lambda seconds: time.sleep(min(seconds, 0.05)),
            dice=self.dice,
        )
        phone.enrol(server or self.proxy.url, self.code(technician))
        phone.sync()
        self.phones.append(phone)
        return phone

    def device(self, technician: int = 0) -> Device:
        """A device reduced to its requests, straight to the server, for what no sound phone would send."""
        client = httpx.Client(base_url=self.server.url, timeout=30)
        asked = {"code": self.code(technician), "device_name": "raw", "platform": "test"}
        answer = Wire(client).post("/devices/enrol", asked)
        assert answer.status == 201, answer
        return Device(Wire(client), answer.body)

    def note_sent(self, message: Body, outcome: Any) -> None:
        """Let the oracle know of a mutation that no phone of ours sent; `outcome` as it was answered."""
        self.sent.append(JournalLine(UUID(str(message["mutation_id"])), message, outcome))

    def times_busy(self) -> int:
        """How often a phone of the case was told 503, to come again."""
        return sum(one.status == BUSY for one in self.heard)

    def times_unanswered(self) -> int:
        """How often a phone of the case waited for an answer that did not come."""
        return sum(one.status is None for one in self.heard)

    def assert_no_trouble_but_told(self) -> None:
        """What went wrong on the server phones heard as 503 with Retry-After, and in no other way."""
        rude = [
            one
            for one in self.heard
            if one.status is not None and one.status >= 500 and not (one.status == BUSY and one.retry_after)
        ]
        assert not rude, rude

    def drain(self) -> float:
        """Synchronise every phone until nothing waits; how many seconds that took."""
        began = time.monotonic()
        for phone in self.phones:
            trouble = ""
            while trouble is not None and time.monotonic() - began < DRAINED_WITHIN:
                trouble = attempt(phone)
                if trouble is None and phone.outbox().unsent:
                    trouble = "unsent"
                if trouble is not None:
                    time.sleep(0.05)
            assert trouble is None, f"not drained within {DRAINED_WITHIN:.0f} s: {trouble}"
        return time.monotonic() - began

    def judge(self) -> Verdict:
        """The oracle over the database and all phones of the case; each phone against a new one."""
        for phone in self.phones:  # each has heard of the others' last work
            phone.sync()
        differing = sum(held(phone) != self._held_by_a_new_one(phone) for phone in self.phones)
        lines = [
            JournalLine(UUID(one.mutation_id), one.message(), one.outcome)
            for phone in self.phones
            for one in journal.everything(phone.store.connection)
        ]
        checked = check_everything(self.wiring, sent=[*lines, *self.sent])
        figures = {"mutations": 0, "waiting": 0, "lost": 0, "doubled": 0} | checked.journals
        return Verdict(**figures, differing=differing, faults=tuple(checked.faults))

    def end_case(self) -> None:
        """Put the phones away; what they did stays in the database."""
        for phone in self.phones:
            phone.close()
        self.phones.clear()
        self.sent.clear()
        self.heard.clear()
        self.proxy.struck.clear()
        self.measured = ""

    def _held_by_a_new_one(self, phone: Phone) -> set[tuple[str, str, str]]:
        owner = [person.id for person in self.firm.technicians].index(phone.account.user_id)
        fresh = self.phone(owner)
        self.phones.remove(fresh)
        seen = held(fresh)
        fresh.close()
        return seen


def attempt(phone: Phone) -> str | None:
    """One sync; what the phone says when it did not come to its end."""
    try:
        phone.sync()
    except PhoneError as error:
        return str(error)
    return None


def held(phone: Phone) -> set[tuple[str, str, str]]:
    """What a phone holds: (collection, id, hash) of every record."""
    rows = phone.store.connection.execute("SELECT collection, id, hash FROM records")
    return {(str(row[0]), str(row[1]), str(row[2])) for row in rows}


def a_visit(phone: Phone) -> str:
    """The id of a visit on the phone."""
    return str(phone.visits()[0]["id"])


def write_notes(phone: Phone, count: int, about: str = "note") -> None:
    """Work without a network: notes on a visit."""
    visit = a_visit(phone)
    for line in range(count):
        phone.note(visit, f"{about}, line {line}")


def wait_until(holds: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something holds; AssertionError when it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it did not come to hold within {seconds:.0f} s"
        time.sleep(0.02)


@contextlib.contextmanager
def world_on(
    url: str,
    folder: Path,
    *,
    thorough: bool = False,
    workers: int = 1,
    warm: Warm | None = None,
    environment: dict[str, str] | None = None,
    is_new: bool = False,
    time_zone: str = "UTC",
    ahead: timedelta = timedelta(0),
) -> Iterator[World]:
    """A server on this database with a small firm in it; `is_new`: the database has no tables yet.

    The firm is in `time_zone`, and its clock, the server's with it, is `ahead` of the machine's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if is_new:
        upgrade(url)
    clock = MovedClock(ahead)
    variables = {
        "DOORSTEP_THROTTLE": "0",
        "DOORSTEP_ALLOW_UNSAFE_DATABASE": "1",
        "DOORSTEP_TIME_ZONE": time_zone,
        CLOCK_OFFSET: str(ahead.total_seconds()),
        **(environment or {}),
    }
    server = ServerProcess(url, folder / "server", variables, workers=workers, warm=warm)
    settings = cheap_settings(url, server.data, secret=None, time_zone=time_zone)
    engine = make_engine(url, allow_unsafe=True)
    try:
        wiring = wire(engine, settings, clock=clock)
        firm = seed_firm(wiring, technicians=2, visits=VISITS_EACH, console=Console(quiet=True))
        with server, FaultProxy(server.port) as proxy:
            world = World(engine.dialect.name, url, folder, server, proxy, firm, wiring, clock, thorough)
            try:
                yield world
            finally:
                world.end_case()
    finally:
        engine.dispose()
