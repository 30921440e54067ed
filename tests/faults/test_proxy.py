"""Every fault of the proxy really happens, seen from both ends of the connection."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import pytest

from tests.faults.proxy import (
    BLACK_HOLE,
    LOST_REPLY,
    NO_WAY_BACK,
    FaultProxy,
    Trouble,
    bad_network,
    cut_reply,
    cut_request,
    half_open,
    reset,
    tell,
)

PATIENCE = 0.3
SENT = b"q" * 1000
"""What the client sends; the server answers each whole thousand bytes with as many."""


@dataclass
class Shop:
    """A server that takes a thousand bytes and gives a thousand; `seen` is how each connection went."""

    port: int = 0
    seen: list[tuple[int, str]] = field(default_factory=list)
    closed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        taken, end = 0, "closed"
        with connection:
            connection.settimeout(3)
            try:
                while data := connection.recv(4096):
                    taken += len(data)
                    if taken % len(SENT) == 0:
                        connection.sendall(b"a" * len(SENT))
            except TimeoutError:
                end = "silent"
            except OSError:
                end = "reset"
        self.seen.append((taken, end))
        self.closed.release()

    def last(self) -> tuple[int, str]:
        """How the connection that ended last went."""
        assert self.closed.acquire(timeout=5)
        return self.seen[-1]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        shop = Shop(listener.getsockname()[1])
        thread = threading.Thread(target=shop.serve, args=(listener,), daemon=True)
        thread.start()
        yield shop
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.fixture
def proxy(shop: Shop) -> Iterator[FaultProxy]:
    with FaultProxy(shop.port) as proxy:
        yield proxy


def buy(proxy: FaultProxy, patience: float = PATIENCE) -> tuple[int, str, float]:
    """Send, and receive until the end: how many bytes came, how it ended, and after how many seconds."""
    began, came = time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=patience) as connection:
        try:
            connection.sendall(SENT)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(4096):
                came += len(data)
            end = "closed"
        except TimeoutError:
            end = "silent"
        except OSError:
            end = "reset"
    return came, end, time.monotonic() - began


def test_a_good_network_changes_nothing(proxy: FaultProxy, shop: Shop) -> None:
    assert buy(proxy)[:2] == (1000, "closed")
    assert shop.last() == (1000, "closed")
    assert not proxy.struck


def test_latency_and_bandwidth_take_their_time(proxy: FaultProxy) -> None:
    proxy.suffer(Trouble("latency", latency=0.2), Trouble("bandwidth", bandwidth=5000))
    came, end, seconds = buy(proxy, 3)
    assert (came, end) == (1000, "closed")
    assert seconds >= 0.4, "there and back"
    came, end, seconds = buy(proxy, 3)
    assert (came, end) == (1000, "closed")
    assert seconds >= 0.4, "2,000 bytes at 5,000 a second"
    assert set(proxy.struck) == {"latency", "bandwidth"}


def test_slices_arrive_as_a_whole(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(Trouble("slices", slices=7))
    assert buy(proxy, 3)[:2] == (1000, "closed")
    assert proxy.struck["slices"] > 200


def test_a_cut_request_reaches_the_server_in_part(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(cut_request(300))
    assert buy(proxy)[0] == 0
    assert shop.last()[0] == 300


def test_a_lost_reply_was_given(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(LOST_REPLY)
    assert buy(proxy)[0] == 0
    assert shop.last()[0] == 1000, "the server has done its work"


def test_a_cut_reply_arrives_in_part(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(cut_reply(400))
    assert buy(proxy)[0] == 400
    assert shop.last()[0] == 1000


def test_a_reset_is_seen_as_one_at_both_ends(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(reset(300))
    assert buy(proxy)[:2] == (0, "reset")
    assert shop.last()[1] == "reset"


def test_a_black_hole_swallows_and_says_nothing(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(BLACK_HOLE)
    assert buy(proxy)[:2] == (0, "silent")
    proxy.heal()
    assert shop.last()[0] == 0


def test_without_a_way_back_the_server_works_and_nobody_hears_it(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(NO_WAY_BACK)
    assert buy(proxy)[:2] == (0, "silent")
    proxy.heal()
    assert shop.last()[0] == 1000


def test_of_a_half_open_connection_the_server_hears_nothing(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(half_open(300))
    assert buy(proxy)[1] != "silent", "the client knows that it is gone"
    assert not shop.closed.acquire(timeout=PATIENCE), "the server does not"
    proxy.heal()
    assert shop.last()[0] == 300


def test_a_slow_close_holds_back_the_end_only(proxy: FaultProxy) -> None:
    proxy.suffer(Trouble("slow close", slow_close=0.5))
    came, end, seconds = buy(proxy, 3)
    assert (came, end) == (1000, "closed")
    assert seconds >= 0.5
    assert proxy.struck["slow close"] >= 1


def test_a_telling_connection_tells_and_goes_on(proxy: FaultProxy, shop: Shop) -> None:
    proxy.suffer(tell(300))
    assert buy(proxy)[:2] == (1000, "closed")
    assert proxy.told.is_set()
    assert proxy.struck == {"tell": 1}


def test_a_server_that_is_not_there_is_a_closed_connection(proxy: FaultProxy) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy.upstream = nobody.getsockname()[1]
        assert buy(proxy)[0] == 0


def test_the_same_seed_makes_the_same_bad_network() -> None:
    one, two = (list(islice(bad_network(random.Random(7)), 50)) for _ in range(2))
    assert one == two
    assert len({trouble.name for trouble in one}) == 7
