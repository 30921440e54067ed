"""Starts Swift once per test run and shares it; a supervisor ends it with its owner, as with PostgreSQL."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from media.s3_bucket import S3Address, client_of
from tests.postgres import cluster_home, locked

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "var" / "swift"
LOCK = ROOT / ".locks" / "swift.txt"
FOUR = Path(__file__).with_name("four.py")
USER, KEY = "test:tester", "testing"
START_SECONDS = 60.0
STOP_SECONDS = 10.0

_supervisors: list[subprocess.Popen[bytes]] = []


class SwiftMissing(Exception):
    """Swift's environment is not there, or not that of the lock; the message says what to do."""


@dataclass(frozen=True)
class Swift:
    """A running Swift: the port of its S3 API, and the process that answers for all four."""

    port: int
    pid: int

    def address(self, bucket: str, *, port: int | None = None) -> S3Address:
        """How to reach a bucket of it, through another port (a proxy's) if given."""
        return S3Address(
            bucket=bucket,
            endpoint=f"http://127.0.0.1:{port or self.port}",
            region="us-east-1",
            access_key=USER,
            secret_key=KEY,
        )

    def new_bucket(self) -> str:
        """Make an empty bucket of its own for one test."""
        bucket = f"b{uuid4().hex}"
        self.client.create_bucket(Bucket=bucket)
        return bucket

    @property
    def client(self) -> Any:
        """A raw client, to look without asking our store."""
        return _client_of(self)


@functools.cache
def _client_of(swift: Swift) -> Any:
    return client_of(swift.address("none"))


def find_python() -> Path:
    """The Python of Swift's environment; SwiftMissing."""
    stamp, python = HOME / "installed", HOME / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != _wanted():
        raise SwiftMissing("OpenStack Swift, the S3 of the tests, is not installed: `make swift` does it.")
    return python


def install() -> None:
    """Make the environment anew from its lock."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
    pip = [HOME / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-input", "--require-hashes", "--requirement", LOCK], check=True)
    (HOME / "installed").write_text(_wanted())


def _wanted() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


@contextlib.contextmanager
def running_swift() -> Iterator[Swift]:
    """A Swift of one's own for the length of a with-block."""
    with cluster_home() as home:
        yield swift_in(home)


def swift_in(home: Path) -> Swift:
    """The Swift of this home (`tests.postgres.cluster_home`): the first to ask starts it. SwiftMissing."""
    find_python()
    folder = home / "swift"
    with locked(home / "swift.start"):
        described = folder / "swift.json"
        if not described.exists():
            _spawn_supervisor(home, folder)
        return Swift(**json.loads(described.read_text()))


def _spawn_supervisor(home: Path, folder: Path) -> None:
    log = home / "swift.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.swift.servers", str(home), str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _supervisors.append(process)
    (home / "swift.pid").write_text(str(process.pid))
    deadline = time.monotonic() + START_SECONDS
    while not (folder / "swift.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"Swift did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.02)


def supervise(home: Path, folder: Path) -> None:
    """Run Swift until the home's owner lets go of its lock, by ending or by dying."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder.mkdir(mode=0o700)
    process: subprocess.Popen[bytes] | None = None
    try:
        with (folder / "servers.log").open("wb") as log:
            process, port = start_new(folder, log)
        (folder / "swift.json.new").write_text(json.dumps(asdict(Swift(port, process.pid))))
        (folder / "swift.json.new").rename(folder / "swift.json")
        with (home / "owner.lock").open() as owner:
            fcntl.flock(owner, fcntl.LOCK_SH)
    finally:
        if process is not None:
            process.terminate()
            process.wait(STOP_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def start_new(folder: Path, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], int]:
    """Start the four servers on free ports; their process, and the port of the S3 API once all answer."""
    ports = _free_ports(4)
    words = [str(find_python()), str(FOUR), str(folder), *map(str, ports)]
    if setpriv := shutil.which("setpriv"):
        words = [setpriv, "--pdeathsig", "TERM", "--", *words]
    process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
    deadline = time.monotonic() + START_SECONDS
    for port in ports:
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError((folder / "servers.log").read_text()[-4000:])
            time.sleep(0.02)
    return process, ports[0]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    supervise(given.home, given.folder)
