"""A bad network on demand: a TCP proxy whose connections suffer what a test asks for. Seeded."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

BLOCK = 16 << 10
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for zero seconds: closing sends RST in place of FIN."""


class Strike(StrEnum):
    """What happens to a connection when its trouble strikes."""

    CLOSE = "close"
    """Both ends see the end of the stream."""
    RESET = "reset"
    """Both ends see a reset."""
    SILENCE = "silence"
    """Nothing passes any more, and nobody is told."""
    HALF_OPEN = "half open"
    """The client is gone; the server is not told."""
    TELL = "tell"
    """Nothing: the test wants to know that so much has passed."""


@dataclass(frozen=True)
class Trouble:
    """What a connection suffers: seconds and bytes, nothing by default.

    It strikes once `after_up` bytes have gone to the server, or when more than `after_down` bytes would come
    back (0: the answer never arrives). `slow_close` holds back the end of the stream.
    """

    name: str = "none"
    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: int | None = None
    slices: int | None = None
    after_up: int | None = None
    after_down: int | None = None
    strike: Strike = Strike.CLOSE
    slow_close: float = 0.0


NONE = Trouble()
LOST_REPLY = Trouble("lost reply", after_down=0)
BLACK_HOLE = Trouble("black hole", after_up=0, strike=Strike.SILENCE)
NO_WAY_BACK = Trouble("no way back", after_down=0, strike=Strike.SILENCE)


def cut_request(after: int) -> Trouble:
    """The connection breaks in the middle of what the client sends."""
    return Trouble("cut request", after_up=after)


def cut_reply(after: int) -> Trouble:
    """The connection breaks in the middle of the answer."""
    return Trouble("cut reply", after_down=after)


def reset(after: int) -> Trouble:
    """A reset in the middle of what the client sends."""
    return Trouble("reset", after_up=after, strike=Strike.RESET)


def half_open(after: int) -> Trouble:
    """The client vanishes in the middle of what it sends, and the server's socket stays open."""
    return Trouble("half open", after_up=after, strike=Strike.HALF_OPEN)


def tell(after: int) -> Trouble:
    """A good connection that tells when so many bytes have gone up."""
    return Trouble("tell", after_up=after, strike=Strike.TELL)


def bad_network(dice: random.Random) -> Iterator[Trouble]:
    """Endless connections of a bad network, each with a trouble of its own."""
    kinds: tuple[Callable[[], Trouble], ...] = (
        lambda: LOST_REPLY,
        lambda: cut_request(dice.randrange(1, 3000)),
        lambda: cut_reply(dice.randrange(1, 3000)),
        lambda: reset(dice.randrange(1, 3000)),
        lambda: Trouble("latency", latency=0.05, jitter=0.05),
        lambda: Trouble("slices", slices=97),
        lambda: NONE,
    )
    while True:
        yield dice.choice(kinds)()


@dataclass(eq=False)
class _Connection:
    """One connection through the proxy; `streams` are the writers to the client and to the server."""

    trouble: Trouble
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    is_silent: bool = False
    broken_off: asyncio.Event = field(default_factory=asyncio.Event)


class FaultProxy:
    """Stands between clients and one server on loopback, in a thread of its own.

    Each new connection suffers the next trouble of `suffer(…)`, then what `otherwise` says. `struck` counts
    by name what really happened; `told` is set whenever something strikes.
    """

    def __init__(self, upstream: int, *, seed: int = 1) -> None:
        """`upstream`: the server's port."""
        self.upstream = upstream
        self.otherwise: Callable[[], Trouble] = lambda: NONE
        self.struck: Counter[str] = Counter()
        self.connections = 0
        self.told = threading.Event()
        self.port = 0
        self._queue: deque[Trouble] = deque()
        self._dice = random.Random(seed)
        self._open: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="fault proxy")

    @property
    def url(self) -> str:
        """Where clients find the server, through the bad network."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def suffer(self, *troubles: Trouble) -> None:
        """What the next new connections suffer, one each; those that are open now are broken off."""
        self._queue.extend(troubles)
        self.told.clear()
        self._run(self._break_off())

    def heal(self) -> None:
        """A good network from now on; connections with a trouble are broken off."""
        self._queue.clear()
        self.otherwise = lambda: NONE
        self._run(self._break_off())

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trouble = self._queue.popleft() if self._queue else self.otherwise()
        self.connections += 1
        task = self._loop.create_task(self._serve(_Connection(trouble, [writer]), reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: _Connection, from_client: asyncio.StreamReader) -> None:
        self._open.add(connection)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                from_server, to_server = await asyncio.open_connection("127.0.0.1", self.upstream)
                connection.writers.append(to_server)
                to_client, trouble = connection.writers[0], connection.trouble
                await asyncio.gather(
                    self._pump(connection, from_client, to_server, trouble.after_up),
                    self._pump(connection, from_server, to_client, trouble.after_down),
                )
                if connection.is_silent and trouble.strike in (Strike.SILENCE, Strike.HALF_OPEN):
                    await connection.broken_off.wait()
        finally:
            self._open.discard(connection)
            for writer in connection.writers:
                writer.transport.abort() if connection.is_silent else writer.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await writer.wait_closed()

    async def _pump(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        allowance: int | None,
    ) -> None:
        trouble = connection.trouble
        while data := await reader.read(trouble.slices or BLOCK):
            await self._delay(trouble, len(data))
            if connection.is_silent:
                continue
            passing = data if allowance is None else data[:allowance]
            if passing:
                writer.write(passing)
                await writer.drain()
            if allowance is None:
                continue
            allowance -= len(passing)
            if len(passing) < len(data) or (allowance == 0 and trouble.strike is Strike.TELL):
                await self._strike(connection)
                if trouble.strike is not Strike.TELL:
                    continue
                writer.write(data[len(passing) :])
                allowance = None
        if trouble.slow_close:
            self._note("slow close")
            await asyncio.sleep(trouble.slow_close)
        if writer.can_write_eof() and not connection.is_silent:
            with contextlib.suppress(OSError):
                writer.write_eof()

    async def _delay(self, trouble: Trouble, size: int) -> None:
        seconds = trouble.latency + self._dice.uniform(0, trouble.jitter)
        if trouble.bandwidth:
            seconds += size / trouble.bandwidth
        if seconds or trouble.slices:
            self.struck[trouble.name] += 1
            await asyncio.sleep(seconds)

    async def _strike(self, connection: _Connection) -> None:
        self._note(connection.trouble.name)
        strike = connection.trouble.strike
        if strike is Strike.TELL:
            return
        connection.is_silent = True
        if strike is Strike.SILENCE:
            return
        to_client, to_server = connection.writers
        if strike is Strike.RESET:
            for writer in connection.writers:
                endpoint = writer.get_extra_info("socket")
                endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        to_client.transport.abort()
        if strike is not Strike.HALF_OPEN:
            to_server.transport.abort()

    def _note(self, name: str) -> None:
        self.struck[name] += 1
        self.told.set()

    async def _break_off(self) -> None:
        for connection in list(self._open):
            connection.is_silent = True
            connection.broken_off.set()
            for writer in connection.writers:
                writer.transport.abort()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._break_off()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=5)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
