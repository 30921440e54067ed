"""A bad network on demand: requests that never leave, replies that never come, doubles, delays and cuts.

Seeded.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import httpx


class Fault(StrEnum):
    """What happens to one request."""

    NONE = "none"
    DROP_BEFORE = "drop before"
    """It never reaches the server."""
    DROP_AFTER = "drop after"
    """The server does it; its reply is lost."""
    DUPLICATE = "duplicate"
    """The server gets it twice; the second reply arrives."""
    DELAY = "delay"
    CUT_REQUEST = "cut request"
    """The connection breaks in the middle of the request's body."""
    CUT_REPLY = "cut reply"
    """The connection breaks in the middle of the reply."""


FAULTS = tuple(fault for fault in Fault if fault is not Fault.NONE)


def random_faults(seed: int, rate: float) -> Iterator[Fault]:
    """Endless faults, one per request with probability `rate` (0 … 1); the same seed gives the same story."""
    dice = random.Random(seed)  # noqa: S311 - a story that can be told again, not a secret
    while True:
        yield dice.choice(FAULTS) if dice.random() < rate else Fault.NONE


class FaultyTransport(httpx.BaseTransport):
    """Another transport, seen through a bad network. When `faults` has run out the network is good."""

    def __init__(
        self,
        inner: httpx.BaseTransport,
        faults: Iterable[Fault],
        *,
        delay: float = 0.05,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`delay` in seconds."""
        self.suffered: Counter[Fault] = Counter()
        self._inner = inner
        self._faults = iter(faults)
        self._delay = delay
        self._sleep = sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, or do to it what its fault says."""
        fault = next(self._faults, Fault.NONE)
        self.suffered[fault] += 1
        if fault is Fault.DROP_BEFORE:
            raise httpx.ConnectError("no network (fault on demand)", request=request)
        if fault is Fault.DELAY:
            self._sleep(self._delay)
        content = b"".join(request.stream) if isinstance(request.stream, httpx.SyncByteStream) else b""
        if fault is Fault.CUT_REQUEST and content:
            self._send_half(request, content)
        response = self._send(request, content)
        if fault is Fault.DUPLICATE:
            response = self._send(request, content)
        if fault is Fault.DROP_AFTER:
            raise httpx.ReadError("the reply was lost (fault on demand)", request=request)
        if fault is Fault.CUT_REPLY:
            raise httpx.RemoteProtocolError("the reply was cut short (fault on demand)", request=request)
        return response

    def close(self) -> None:
        """Close the transport behind the bad network."""
        self._inner.close()

    def _send(self, request: httpx.Request, content: bytes) -> httpx.Response:
        whole = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=content,
            extensions=request.extensions,
        )
        response = self._inner.handle_request(whole)
        response.request = whole
        response.read()
        return response

    def _send_half(self, request: httpx.Request, content: bytes) -> None:
        def half() -> Iterator[bytes]:
            yield content[: len(content) // 2]
            raise httpx.WriteError("the connection broke (fault on demand)", request=request)

        cut = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=half(),
            extensions=request.extensions,
        )
        self._inner.handle_request(cut)
        raise httpx.WriteError("the connection broke (fault on demand)", request=request)
