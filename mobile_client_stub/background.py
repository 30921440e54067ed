"""Files up beside everything else: a thread with a network and a database connection of its own.

No exchange waits for it, and it waits for none. Killed at any byte it has lost nothing: what has not arrived
is known to the server, and is asked for when the thread runs again.
"""

import random
import threading
from collections.abc import Callable, Iterator

import httpx

from mobile_client_stub.store import Store
from mobile_client_stub.transport import TIMEOUT, Server, certificates
from mobile_client_stub.uploads import Uploaded, upload_waiting
from mobile_client_stub.words import Clock, PhoneError

IDLE = 5.0
"""Seconds between two looks at a queue that nothing is known to have changed; another process may have."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds, after a run that met trouble; doubled each time


class Stopped(PhoneError):
    """The uploader is to end: the file at hand waits for the next one."""


class Uploader:
    """Sends the files of one store until it is stopped; whoever else would send them leaves them to it."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        clock: Clock,
        *,
        transport: httpx.BaseTransport | None = None,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """`transport` must be nobody else's; `first_pause`: seconds, after the first trouble."""
        self.done = Uploaded()
        """What it did since it began; `trouble` is that of the last run."""
        self._open_store = open_store
        self._clock = clock
        self._transport = transport
        self._dice = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._first_pause = first_pause
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still sends; one that could not even begin, or was stopped, does not."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Look at the queue at once, unless it is pausing because the last run met trouble."""
        self._woken.set()

    def stop(self, timeout: float = 5.0) -> bool:
        """End within a piece of a file; whether it did within `timeout` seconds.

        One that waits for a dead network ends when that does, at the latest with the process.
        """
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        store = self._open_store()
        inner = self._transport or httpx.HTTPTransport(verify=certificates())
        client = httpx.Client(transport=_UntilStopped(inner, self._stopping), timeout=TIMEOUT)
        try:
            while not self._stopping.is_set():
                with store.sending_files() as alone:
                    if alone:
                        self._send_on(store, Server(store, client, sleep=self._pause, dice=self._dice))
                self._stopping.wait(IDLE)  # another process sends them
        except Stopped:
            pass
        finally:
            client.close()
            store.close()

    def _send_on(self, store: Store, server: Server) -> None:
        pause = self._first_pause
        while True:
            self._woken.clear()
            if self._stopping.is_set():
                return
            run = self._send(store, server)
            self.done.sent += run.sent
            self.done.failed += run.failed
            self.done.trouble = run.trouble
            if run.failed or run.trouble:
                self._pause(pause * self._dice.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = self._first_pause
                self._woken.wait(IDLE)

    def _send(self, store: Store, server: Server) -> Uploaded:
        try:
            return upload_waiting(store, server, self._clock)
        except Stopped:
            raise
        except (PhoneError, OSError) as error:
            return Uploaded(trouble=str(error))  # signed out, wiped, a full disk: it may be over next time
        except Exception as error:  # a thread that ends in silence keeps every file here
            return Uploaded(trouble=f"{type(error).__name__}: {error}")

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped("The uploads were stopped.")


class _UntilStopped(httpx.BaseTransport):
    """Another transport, through which nothing goes once the event is set: not even the rest of a file."""

    def __init__(self, inner: httpx.BaseTransport, stopping: threading.Event) -> None:
        self._inner = inner
        self._stopping = stopping

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if isinstance(request.stream, httpx.SyncByteStream):
            request.stream = _Pieces(request.stream, self._check)
        self._check()
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()

    def _check(self) -> None:
        if self._stopping.is_set():
            raise Stopped("The uploads were stopped.")


class _Pieces(httpx.SyncByteStream):
    """A body that is looked after between its pieces."""

    def __init__(self, pieces: httpx.SyncByteStream, check: Callable[[], None]) -> None:
        self._pieces = pieces
        self._check = check

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._check()
            yield piece

    def close(self) -> None:
        self._pieces.close()
