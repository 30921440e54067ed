"""A load generator: many conversations with one server over plain sockets, from one thread.

The two cores that serve also make the load, so it has to be light: a request is bytes made before, an answer
is split at its length and not parsed. The same generator asks Doorstep and Kinto.
"""

from __future__ import annotations

import contextlib
import ctypes
import selectors
import socket
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

_CHUNK = 1 << 20
_LAST_CHUNK = b"0\r\n\r\n"
"""The end of a body in chunks. No JSON has these characters one after the other."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ENOUGH = -1, -3, 1 << 30
"""Of glibc's `mallopt`."""


@dataclass(frozen=True)
class Reply:
    """One answer; `seconds` from the first byte sent to the last byte received."""

    status: int
    body: bytes
    seconds: float


Script: TypeAlias = Generator["bytes | float", "Reply | None", None]
"""One conversation: yields a request and is sent its Reply, or yields seconds to wait and is sent None."""


def keep_memory() -> None:
    """Let this process keep the memory it was given once.

    Else the kernel hands it out anew for every answer of megabytes, page by page, on a core that the server
    needs: 5,000 page faults and half of the generator's work at a first pull. Does nothing without glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _ENOUGH)
        mallopt(_TRIM_THRESHOLD, _ENOUGH)


def http(method: str, path: str, authorization: str, body: bytes = b"") -> bytes:
    """A request with a JSON body, as it travels."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {authorization}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def converse(port: int, scripts: Iterable[Script]) -> None:
    """Hold all conversations at once, each on a connection of its own, until every script has ended."""
    Loop(port).run(scripts)


class Loop:
    """Drives scripts; a connection is opened with the first request and closed with the script."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._selector = selectors.DefaultSelector()
        self._sleeping: list[tuple[float, int, Script]] = []
        self._order = count()
        self._lines: dict[Script, _Line] = {}
        self._alive = 0

    def run(self, scripts: Iterable[Script]) -> None:
        """Until all have ended."""
        for script in scripts:
            self._alive += 1
            self._go_on(script, None)
        while self._alive:
            now = time.perf_counter()
            while self._sleeping and self._sleeping[0][0] <= now:
                self._go_on(heappop(self._sleeping)[2], None)
            pause = max(0.0, self._sleeping[0][0] - now) if self._sleeping else None
            for key, _ in self._selector.select(pause):
                line: _Line = key.data
                reply = line.receive()
                if reply is not None:
                    self._go_on(line.script, reply)
        self._selector.close()

    def _go_on(self, script: Script, reply: Reply | None) -> None:
        try:
            step = script.send(reply)
        except StopIteration:
            self._alive -= 1
            if line := self._lines.pop(script, None):
                self._selector.unregister(line.socket)
                line.socket.close()
            return
        if isinstance(step, float):
            heappush(self._sleeping, (time.perf_counter() + step, next(self._order), script))
            return
        if script not in self._lines:
            line = self._lines[script] = _Line(script, socket.create_connection(self._address, timeout=300))
            self._selector.register(line.socket, selectors.EVENT_READ, line)
        self._lines[script].send(step)


class _Line:
    """One connection with at most one request under way."""

    def __init__(self, script: Script, connected: socket.socket) -> None:
        self.script = script
        self.socket = connected
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._began = 0.0
        self._parts: list[bytes] = []
        self._missing: int | None = None
        self._in_chunks = False
        self._status = 0

    def send(self, request: bytes) -> None:
        self._began = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> Reply | None:
        """What has arrived; the reply once it is complete."""
        received = self.socket.recv(_CHUNK)
        if not received:
            raise ConnectionError("The server closed the connection in the middle of an answer.")
        self._parts.append(received)
        if self._missing is None:
            head, separator, rest = b"".join(self._parts).partition(b"\r\n\r\n")
            if not separator:
                return None
            length = _length_of(head)
            self._status, self._in_chunks = int(head[9:12]), length is None
            self._missing = (length or 0) - len(rest)
            self._parts = [rest]
        else:
            self._missing -= len(received)
        is_whole = self._parts[-1].endswith(_LAST_CHUNK) if self._in_chunks else self._missing <= 0
        if not is_whole:
            return None
        seconds = time.perf_counter() - self._began  # what is done with the answer is no work of the server
        body = b"".join(self._parts)
        reply = Reply(self._status, _unchunked(body) if self._in_chunks else body, seconds)
        self._parts, self._missing = [], None
        return reply


def _unchunked(raw: bytes) -> bytes:
    """What was sent in chunks, each behind its length in hexadecimal."""
    chunks, at = [], 0
    while size := int(raw[at : (end := raw.index(b"\r\n", at))], 16):
        chunks.append(raw[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(chunks)


def _length_of(head: bytes) -> int | None:
    """The length of the body that follows; None when it comes in chunks."""
    lower = head.lower()
    place = lower.find(b"\r\ncontent-length:")
    if place >= 0:
        return int(lower[place + 17 :].split(b"\r\n", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in lower:
        return None
    if b" 204 " in head[:16]:
        return 0
    raise ValueError(f"an answer of unknown length: {head[:200]!r}")
