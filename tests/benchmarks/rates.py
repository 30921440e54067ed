"""Closed loops: so many connections, each asking again as soon as it is answered."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks.load import Script, converse
from tests.benchmarks.phone import read


@dataclass(frozen=True)
class Asked:
    """What a closed loop came to; seconds."""

    answers: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    def quantile(self, percent: int) -> float:
        """So many percent of the answers took no longer."""
        return quantile(self.latencies, percent)


def ask(port: int, connections: Sequence[Iterator[bytes]], seconds: float) -> Asked:
    """Send the requests of each connection one after the other for so many seconds."""
    latencies: list[float] = []
    began = time.perf_counter()
    ends = began + seconds

    def script(requests: Iterator[bytes]) -> Script:
        while time.perf_counter() < ends:
            reply = yield next(requests)
            read(reply)
            assert reply is not None
            latencies.append(reply.seconds)

    converse(port, [script(requests) for requests in connections])
    return Asked(len(latencies), time.perf_counter() - began, latencies)


def once(port: int, request: bytes) -> float:
    """Seconds from the first byte of a request to the last byte of its answer."""
    taken: list[float] = []

    def script() -> Script:
        reply = yield request
        read(reply)
        assert reply is not None
        taken.append(reply.seconds)

    converse(port, [script()])
    return taken[0]


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median(values: Sequence[float]) -> float:
    """The middle one: what a disturbed round does to it is little."""
    return statistics.median(values)


def quantile(values: Sequence[float], percent: int) -> float:
    """So many percent of the values are no larger."""
    return statistics.quantiles(values, n=100)[percent - 1]
