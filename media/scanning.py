"""Looking at files for viruses: a protocol, and two ways to somebody who knows viruses.

Nobody calls a file clean but a scanner that has read all of it. Without a scanner files are *not scanned*.
"""

import shlex
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from schemas.errors import DomainError, ErrorKind

SECONDS, LOOK_SECONDS = 120.0, 5.0
LONGEST_REPLY = 4096
LONGEST_NAME = 200
CLAMD_PORT = 3310


class ScannerUnavailable(DomainError):
    """The scanner cannot be asked, or did not finish: nothing is known of the file, and it is asked again."""

    title = "The virus scanner does not answer."
    kind = ErrorKind.UNAVAILABLE


class Scanner(Protocol):
    """Somebody who knows viruses."""

    def find(self, chunks: Iterable[bytes]) -> str | None:
        """The name of what was found in these bytes, None when they are clean.

        Raises `ScannerUnavailable` whenever neither is certain.
        """
        ...

    def answers(self) -> bool:
        """Whether it is there: it looks at next to nothing, within `LOOK_SECONDS`."""
        ...


def scanner_of(setting: str) -> Scanner | None:
    """The scanner of a setting: `clamd://host[:port]`, `clamd:///socket` or `command:program arguments`.

    None for an empty setting; ValueError for any other.
    """
    if not setting:
        return None
    parts = urlsplit(setting)
    if parts.scheme == "clamd" and (parts.hostname or parts.path):
        return Clamd(parts.hostname, parts.port or CLAMD_PORT, parts.path)
    if parts.scheme == "command" and (words := shlex.split(setting.partition(":")[2])):
        return ScanCommand(tuple(words))
    raise ValueError("a scanner is clamd://host:port, clamd:///path/to/socket or command:program arguments")


@dataclass(frozen=True)
class Clamd:
    """ClamAV's daemon, told over a socket (INSTREAM): at `host` and `port`, or the `path` of a local one."""

    host: str | None
    port: int = CLAMD_PORT
    path: str = ""
    timeout: float = SECONDS

    def find(self, chunks: Iterable[bytes]) -> str | None:
        """See `Scanner.find`."""
        try:
            with self._connected() as connection:
                reply = _instream(connection, chunks)
        except OSError as error:
            raise ScannerUnavailable(f"clamd: {type(error).__name__}.") from error
        # It says OK, the name of a virus with FOUND behind it, or what went wrong with ERROR behind it.
        said = reply.decode("utf-8", "replace").strip().removeprefix("stream: ")
        if said == "OK":
            return None
        if said.endswith(" FOUND"):
            return said.removesuffix(" FOUND")[:LONGEST_NAME]
        raise ScannerUnavailable(f"clamd: {said[:LONGEST_NAME] or 'no answer'}.")

    def answers(self) -> bool:
        """See `Scanner.answers`."""
        return _finds_anything_out(replace(self, timeout=LOOK_SECONDS))

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        if self.host:
            connection = socket.create_connection((self.host, self.port), self.timeout)
        else:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(self.timeout)
        with connection:
            if not self.host:
                connection.connect(self.path)
            yield connection


def _instream(connection: socket.socket, chunks: Iterable[bytes]) -> bytes:
    try:
        connection.sendall(b"zINSTREAM\0")
        for chunk in chunks:
            connection.sendall(struct.pack(">I", len(chunk)) + chunk)
        connection.sendall(struct.pack(">I", 0))
    except (BrokenPipeError, ConnectionResetError):
        pass  # it says why, and does not wait for the rest
    reply = b""
    while not reply.endswith(b"\0") and len(reply) < LONGEST_REPLY:
        if not (piece := connection.recv(LONGEST_REPLY)):
            break
        reply += piece
    return reply.rstrip(b"\0")


@dataclass(frozen=True)
class ScanCommand:
    """A program that reads the file on its standard input; exit code 0: clean, 1: found, and printed what."""

    words: tuple[str, ...]
    timeout: float = SECONDS

    def find(self, chunks: Iterable[bytes]) -> str | None:
        """See `Scanner.find`."""
        try:
            done = subprocess.run(  # noqa: S603 - the firm's own command, and no shell
                self.words, input=b"".join(chunks), capture_output=True, timeout=self.timeout, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ScannerUnavailable(f"{self.words[0]}: {type(error).__name__}.") from error
        if done.returncode == 0:
            return None
        said = " ".join(done.stdout.decode("utf-8", "replace").split())[:LONGEST_NAME]
        if done.returncode == 1:
            return said or "something harmful"
        raise ScannerUnavailable(f"{self.words[0]} ended with exit code {done.returncode}.")

    def answers(self) -> bool:
        """See `Scanner.answers`."""
        return _finds_anything_out(replace(self, timeout=LOOK_SECONDS))


def _finds_anything_out(scanner: Scanner) -> bool:
    try:
        scanner.find((b"Is anybody there?",))
    except ScannerUnavailable:
        return False
    return True
