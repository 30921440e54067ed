"""Faults of the network, and of clients that send what no sound phone would."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from mobile_client_stub.conformance.wire import Answer, Body, Device, Journal, new_id
from tests.faults.case import case
from tests.faults.proxy import (
    BLACK_HOLE,
    LOST_REPLY,
    NO_WAY_BACK,
    Trouble,
    bad_network,
    cut_reply,
    cut_request,
    half_open,
    reset,
)
from tests.faults.world import World, attempt, write_notes

STUCK = 50
ASKED = 600


@case("F3", "Reply lost after the commit", seen="nothing: the phone asks again and gets the stored outcome")
def lost_replies(world: World) -> None:
    """Three times the server commits a push and its answer is thrown away."""
    phone = world.phone()
    write_notes(phone, 12)
    world.proxy.suffer(LOST_REPLY, LOST_REPLY, LOST_REPLY)
    attempt(phone)
    assert world.proxy.struck["lost reply"] >= 3


@case("F4", "Request cut in its middle", seen="nothing: the phone sends it again, whole")
def cut_requests(world: World) -> None:
    """The connection breaks in the header, in the first third and near the end of a push's body."""
    phone = world.phone()
    write_notes(phone, 12)
    before = world.proxy.struck["cut request"]
    world.proxy.suffer(*(cut_request(after) for after in (100, 900, 1500)))
    attempt(phone)
    assert world.proxy.struck["cut request"] - before >= 2


@case("F6", "The same batch twice at the same instant", seen="nothing: both get the same outcomes")
def twins(world: World) -> None:
    """Two sockets send the same twenty mutations at the same moment, several times over."""
    for _ in range(world.rounds(3, 15)):
        device = world.device()
        notes = _notes(world, device, 20)
        request = device.journal().request(notes, limit=0)
        starting = threading.Barrier(2)
        answers: list[Answer] = []

        def send(
            device: Device = device,
            request: Body = request,
            starting: threading.Barrier = starting,
            answers: list[Answer] = answers,
        ) -> None:
            starting.wait()
            answers.append(device.post("/sync/exchange", request))

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcomes = [answer.outcomes for answer in answers if answer.status == 200]
        assert {answer.status for answer in answers} <= {200, 503}
        assert outcomes
        assert all(found == outcomes[0] for found in outcomes)
        for note in notes:
            world.note_sent(note, "applied")
        device.wire.client.close()


@case(
    "F7", "The same mutation with other content", seen="the first content; the second is in the field inbox"
)
def altered(world: World) -> None:
    """A mutation is sent, and its id again with another text."""
    device = world.device()
    journal, (note,) = device.journal(), _notes(world, device, 1)
    journal.numbered = 1
    assert journal.push(note)[0]["outcome"] == "applied"
    again = journal.push(note | {"fields": note["fields"] | {"text": "something else"}})
    assert again[0]["outcome"] == "refused"
    inbox = device.journal().pull().bodies("field_inbox")
    assert [entry["code"] for entry in inbox if entry["mutation_id"] == note["mutation_id"]] == [
        "mutation-altered"
    ]
    world.note_sent(note, "applied")
    device.wire.client.close()


@case(
    "F8",
    "Out of order, with gaps, and from another phone's journal",
    seen="the phone is told where to go on from",
)
def shuffled(world: World) -> None:
    """Eight mutations come in random order, one at a time; what leaves a gap is refused until its turn."""
    device = world.device()
    journal, notes = device.journal(), _notes(world, device, 8)
    waiting = list(notes)
    refused = 0
    while waiting:
        world.dice.shuffle(waiting)
        answer = journal.ask([waiting[0]], limit=0)
        if answer.status == 409:
            refused += 1
            continue
        assert answer.status == 200
        waiting.pop(0)
    assert refused
    stranger = world.device(1)
    answer = Journal(stranger, journal.id).ask(_notes(world, stranger, 1))
    assert "new_journal" in answer.directives
    for note in notes:
        world.note_sent(note, "applied")
    device.wire.client.close()
    stranger.wire.client.close()


@case(
    "F10",
    "Partition: in, out, both, flapping",
    seen="work goes on without a network; the outbox says since when",
)
def partitions(world: World) -> None:
    """While two phones push, the network swallows requests, replies or both for random stretches."""
    phones = [world.phone(0, patience=0.4), world.phone(1, patience=0.4)]
    stop = threading.Event()

    def work(phone: Any) -> None:
        while not stop.is_set():
            write_notes(phone, 3)
            attempt(phone)

    threads = [threading.Thread(target=work, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    until = time.monotonic() + world.rounds(4, 60)
    while time.monotonic() < until:
        trouble = world.dice.choice((BLACK_HOLE, NO_WAY_BACK, Trouble()))
        world.proxy.otherwise = lambda trouble=trouble: trouble
        world.proxy.suffer()
        time.sleep(world.dice.uniform(0, world.rounds(1, 10)))
    stop.set()
    world.proxy.heal()
    for thread in threads:
        thread.join()
    assert world.proxy.struck["black hole"] + world.proxy.struck["no way back"] > 0


@case("F11", "Every other kind of bad line", seen="sync takes longer", quick_on=("postgresql",))
def bad_lines(world: World) -> None:
    """Latency, 64 kbit/s, slices, resets, half-open sockets, slow closes, cut replies, a random mixture."""
    phone = world.phone()
    lines = (
        Trouble("latency", latency=world.rounds(1, 20) / 10, jitter=0.05),
        Trouble("bandwidth", bandwidth=8000),
        Trouble("slices", slices=world.rounds(64, 1)),
        reset(700),
        half_open(700),
        Trouble("slow close", slow_close=0.3),
        cut_reply(200),
    )
    for line in lines:
        write_notes(phone, 4, line.name)
        world.proxy.suffer(line)
        attempt(phone)
    mixture = bad_network(world.dice)
    world.proxy.otherwise = lambda: next(mixture)
    for _ in range(world.rounds(2, 20)):
        write_notes(phone, 4, "mixture")
        world.proxy.suffer()
        attempt(phone)
    struck = set(world.proxy.struck)
    assert {"latency", "bandwidth", "slices", "reset", "half open", "cut reply"} <= struck


@case("F11", "Clients that stop in the middle", seen="others are served")
def stuck_clients(world: World) -> None:
    """Fifty sockets send half a request and no more, while a phone synchronises past them."""
    phone = world.phone(patience=10)
    write_notes(phone, 6)
    alone = _p99(world)
    with _stuck(world):
        began = time.monotonic()
        while (trouble := attempt(phone)) is not None:
            assert time.monotonic() - began < 30, trouble
        assert not phone.outbox().unsent
        beside = _p99(world)
    if world.thorough:
        world.measured = f"p99 of {ASKED} exchanges: {alone:.0f} ms alone, {beside:.0f} ms beside them."


@contextlib.contextmanager
def _stuck(world: World) -> Iterator[None]:
    head = "POST /sync/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
    with contextlib.ExitStack() as life:
        for _ in range(STUCK):
            one = life.enter_context(socket.create_connection(("127.0.0.1", world.server.port)))
            one.sendall(head.encode() + b"{" * 100)
        time.sleep(0.2)
        yield


def _p99(world: World) -> float:
    """How long an exchange of a device without news takes at worst, but for one in a hundred: milliseconds.

    Zero in the short run: it is measured where there is time to.
    """
    if not world.thorough:
        return 0.0
    device, took = world.device(), []
    journal = device.journal()
    journal.pull()
    for _ in range(ASKED):
        began = time.monotonic()
        assert journal.ask([]).status == 200
        took.append(time.monotonic() - began)
    device.wire.client.close()
    return sorted(took)[ASKED * 99 // 100 - 1] * 1000


def _notes(world: World, device: Device, count: int) -> list[Body]:
    journal = device.journal()
    visit = journal.pull().bodies("visits")[0]["id"]
    return [
        journal.mutation("visit_note.add", new_id(), {"visit_id": visit, "text": f"raw {number}"})
        for number in range(count)
    ]


CASES = (lost_replies, cut_requests, twins, altered, shuffled, partitions, bad_lines, stuck_clients)
