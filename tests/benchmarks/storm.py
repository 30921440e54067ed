"""Crowds: hundreds of phones that come back at once, and one that asks seven times as often as others."""

from __future__ import annotations

import random
import time

import orjson
from uuid_utils.compat import uuid7

from tests.benchmarks.exchanges import Figures
from tests.benchmarks.firm import Firm
from tests.benchmarks.load import Script, converse
from tests.benchmarks.phone import Body, Phone, read, tail_of
from tests.benchmarks.rates import quantile

PHONES, QUEUED, WITHIN_SECONDS = 500, 200, 10.0
AT_ONCE = 100
"""Mutations in one request of a phone that drains its queue."""
_BUSY = (429, 503)
_STEPS = ("visit.accept", "visit.depart", "visit.arrive", "visit.start")

NEIGHBOURS, NOISY_FACTOR, SECONDS, TURNS = 16, 7, 20.0, 3
SHARE = 0.25
"""How much of what the server can do the phones ask for when none is noisy."""


def storm(firm: Firm, phones: list[Phone]) -> Figures:
    """Every phone has a visit begun and notes written; they come back within ten seconds and drain.

    Raises RuntimeError unless the oracle finds everything stored once and every feed right.
    """
    ends: list[float] = []
    chances = random.Random(1)
    queues = [(phone, a_day(phone), chances.uniform(0.0, WITHIN_SECONDS)) for phone in phones]
    began = time.perf_counter()

    def script(phone: Phone, queue: list[Body], arrives: float) -> Script:
        yield arrives
        yield from drain(phone, queue)
        ends.append(time.perf_counter() - began)

    converse(firm.server.port, [script(*queue) for queue in queues])
    drained = max(ends)
    checked = firm.server.run("check", timeout=1200)
    if checked.returncode != 0:
        raise RuntimeError(f"the oracle is not content:\n{checked.stdout}{checked.stderr}")
    return {
        "storm: phones": float(len(phones)),
        "storm: mutations": float(sum(len(queue) for _, queue, _ in queues)),
        "storm until drained, s": drained,
        "storm: mutations/s": sum(len(queue) for _, queue, _ in queues) / drained,
    }


def a_day(phone: Phone) -> list[Body]:
    """What stands in the journal of a phone that was away: the visit was begun, and notes were written."""
    steps = []
    for name in _STEPS:
        phone.number += 1
        steps.append(
            {
                "mutation_id": str(uuid7()),
                "number": phone.number,
                "schema": 1,
                "type": name,
                "record": phone.visit_id,
                "base": None,
                "fields": {},
                "occurred_at": f"2026-11-02T08:0{len(steps)}:00Z",
            }
        )
    return [*steps, *phone.notes(QUEUED - len(steps))]


def drain(phone: Phone, queue: list[Body]) -> Script:
    """Send the queue, then pull until everything is here; come again when told that the server is busy."""
    sent = 0
    while sent < len(queue):
        part = queue[sent : sent + AT_ONCE]
        phone.number = part[-1]["number"]
        reply = yield phone.exchange(part, limit=0)
        if reply is not None and reply.status in _BUSY:
            yield float(orjson.loads(reply.body).get("retry_after", 1))
            continue
        outcomes = [outcome["outcome"] for outcome in orjson.loads(read(reply))["outcomes"]]
        if outcomes != ["applied"] * len(part):
            raise RuntimeError(f"not everything was applied: {sorted(set(outcomes))}")
        sent += len(part)
    while True:
        reply = yield phone.exchange(limit=1000)
        if reply is not None and reply.status in _BUSY:
            yield float(orjson.loads(reply.body).get("retry_after", 1))
            continue
        answer = tail_of(read(reply))
        phone.cursor = answer["cursor"]
        if not answer["more"]:
            return


def noisy_neighbour(firm: Firm, phones: list[Phone]) -> Figures:
    """Phones that push a note and pull, a quarter of what the server can do; then one seven times as much.

    Turn by turn, and the p99 is that of all turns together: a second in which the disk stood still is not
    the neighbour's doing.
    """
    per_second = SHARE * most_exchanges(firm, phones) / len(phones)
    latencies: dict[int, list[float]] = {1: [], NOISY_FACTOR: []}
    for _ in range(TURNS):
        for factor, taken in latencies.items():
            taken += of_the_others(firm, phones, per_second, factor)
    quiet, noisy = quantile(latencies[1], 99), quantile(latencies[NOISY_FACTOR], 99)
    return {
        "exchanges/s of a quiet phone": per_second,
        "exchanges of the others": float(len(latencies[NOISY_FACTOR])),
        "p99 of the others, quiet, ms": 1000 * quiet,
        "p99 of the others, noisy, ms": 1000 * noisy,
        "p99 of the others, noisy ÷ quiet": noisy / quiet,
    }


def most_exchanges(firm: Firm, phones: list[Phone]) -> float:
    """How many such exchanges the server answers per second when four phones never rest."""
    answered: list[float] = []
    ends = time.perf_counter() + SECONDS / 4

    def script(phone: Phone) -> Script:
        while time.perf_counter() < ends:
            reply = yield phone.exchange(phone.notes(1), limit=1000)
            phone.cursor = tail_of(read(reply))["cursor"]
            answered.append(time.perf_counter())

    converse(firm.server.port, [script(phone) for phone in phones[:4]])
    return len(answered) / (SECONDS / 4)


def of_the_others(firm: Firm, phones: list[Phone], per_second: float, factor: int) -> list[float]:
    """Seconds that each exchange of all phones but the first took, which asks `factor` times as often."""
    latencies: list[float] = []
    began = time.perf_counter()

    def script(place: int, phone: Phone) -> Script:
        pause = 1 / (per_second * (1 if place else factor))
        due = began + pause * place / len(phones)
        while due < began + SECONDS:
            yield max(0.0, due - time.perf_counter())
            reply = yield phone.exchange(phone.notes(1), limit=1000)
            phone.cursor = tail_of(read(reply))["cursor"]
            assert reply is not None
            if place:
                # From when it was due: a phone that had to wait for its own last answer waited, too.
                latencies.append(time.perf_counter() - due)
            due += pause

    converse(firm.server.port, [script(place, phone) for place, phone in enumerate(phones)])
    return latencies
