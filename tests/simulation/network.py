"""The network between a device and the server: what it does to a request, the dice of the run decide."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from mobile_client_stub.faults import FAULTS, Fault, FaultyTransport
from sync.facts import MutationNumberReused
from tests.simulation.chance import Time, Trace
from tests.simulation.device import Device
from tests.simulation.invariants import InvariantBroken
from tests.simulation.server import Server, ServerDied

MOST_LATE = 5
"""Requests that are under way and believed lost."""
EVENTS = (
    "late",
    "twice",
    "server dies",
    "server dies reading",
    "database lost",
    "between reads",
    "busy",
    "database full",
    "deadlock",
    "store full",
    "meanwhile",
    "meanwhile",
    "meanwhile",
)
"""What happens to a request beyond the faults of the air."""


@dataclass
class Network:
    """All devices' way to the server. `badness` is the share of requests that something happens to."""

    server: Server
    time: Time
    dice: random.Random
    trace: Trace
    meanwhile: Callable[[], None]
    counts: Counter[str]
    badness: float = 0.0
    late: list[httpx.Request] = field(default_factory=list)

    def connect(self, device: Device) -> httpx.BaseTransport:
        """A device's own radio."""
        return FaultyTransport(_Line(self, device), self._faults(), delay=0.5, sleep=self._wait)

    def deliver(self, request: httpx.Request) -> httpx.Response:
        """Let the server answer, and look at what it says."""
        response = self.server.transport.handle_request(request)
        response.read()
        path = request.url.path
        exchanged = path.startswith("/sync/") and response.status_code == 200
        self.trace.add(
            f"  {request.method} {path} {response.status_code}",
            request.read() + response.content if exchanged else b"",
        )
        if response.status_code == 500:
            raise InvariantBroken(f"the server answers {request.method} {path} with {response.text[:500]}")
        if exchanged and path == "/sync/exchange":
            self._check_acknowledged(response)
        return response

    def _check_acknowledged(self, response: httpx.Response) -> None:
        """What is answered is stored by then: a restore may take it later, and then nobody could tell."""
        answered = {
            UUID(outcome["mutation_id"])
            for outcome in response.json()["outcomes"]
            # That is no outcome: the phone sends it again under another number.
            if not str(outcome.get("problem", {}).get("type")).endswith(MutationNumberReused.code)
        }
        if lost := answered - self.server.stored(answered):
            raise InvariantBroken(f"acknowledged, and stored nowhere: {', '.join(map(str, lost))}")

    def deliver_late(self) -> str:
        """A request that everybody believes lost arrives; nobody waits for its answer any more."""
        if not self.late:
            return "nothing is under way"
        request = self.late.pop(self.dice.randrange(len(self.late)))
        return f"{request.url.path} {self.deliver(request).status_code}"

    def _faults(self) -> Iterator[Fault]:
        while True:
            yield self.dice.choice(FAULTS) if self.dice.random() < self.badness / 2 else Fault.NONE

    def _wait(self, seconds: float) -> None:
        self.time.advance(seconds=seconds)

    def event(self) -> str:
        """What happens to this request, of `EVENTS`; mostly nothing."""
        if self.dice.random() >= self.badness / 2:
            return "nothing"
        event = self.dice.choice(EVENTS)
        self.counts[f"request: {event}"] += 1
        return event


@dataclass
class _Line(httpx.BaseTransport):
    """One device's requests, one after the other."""

    network: Network
    device: Device

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.device.fate.pass_moment()
        request.read()
        response = self._sent(request)
        self.device.fate.pass_moment()
        return response

    def _sent(self, request: httpx.Request) -> httpx.Response:
        network, server = self.network, self.network.server
        event = network.event()
        if event == "late":
            network.late = [*network.late, request][-MOST_LATE:]
            raise httpx.ReadTimeout("no answer came (fault on demand)", request=request)
        if event == "busy":
            problem = {"type": "urn:doorstep:problem:server-busy", "detail": "Send the same again."}
            headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
            return httpx.Response(503, headers=headers, content=json.dumps(problem))
        if event == "meanwhile":
            network.meanwhile()
        elif event == "server dies":
            server.die_soon(network.dice)
        elif event in ("server dies reading", "database lost", "between reads"):
            happens = {
                "server dies reading": server.die_reading,
                "database lost": server.lose_database,
                "between reads": network.meanwhile,
            }
            server.interrupt(network.dice, happens[event])
        elif event == "store full":
            server.is_store_full = True
        elif event != "nothing" and event != "twice":
            server.fail_soon(event, network.dice)
        try:
            return self._delivered_twice(request) if event == "twice" else network.deliver(request)
        except ServerDied:
            raise httpx.ReadError("the connection broke (the server died)", request=request) from None
        finally:
            if event not in ("nothing", "meanwhile", "twice"):
                server.live()

    def _delivered_twice(self, request: httpx.Request) -> httpx.Response:
        """Something else happens between the two; either reply is the one that arrives."""
        network = self.network
        first = network.deliver(request)
        network.meanwhile()
        second = network.deliver(request)
        return network.dice.choice((first, second))
