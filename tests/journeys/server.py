"""A real `doorstep serve` in its own process group: started, killed and started again on the same data."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from mobile_client_stub.transport import certificates
from tests.journeys.warm import Forked, Warm

START_SECONDS = 60
ESTABLISHED = "01"
"""As /proc/net/tcp says it."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def doorstep(
    *arguments: str, environment: dict[str, str], timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run one `doorstep` command to its end; its exit code and output are the caller's to judge."""
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass
class ServerProcess:
    """The server on one database and one data directory; `environment` holds further DOORSTEP_ variables.

    `command` is what serves and `name` its log's: the payments process is started alike. With `warm` it and
    its commands are forked from a process that has imported the application already.
    """

    database: str
    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    workers: int = 1
    warm: Warm | None = None
    command: tuple[str, ...] = ("serve",)
    name: str = "server"
    _process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        return {
            **self.environment,
            "DOORSTEP_DATABASE": self.database,
            "DOORSTEP_DATA": str(self.data),
            "DOORSTEP_PUBLIC_URL": self.url,
        }

    @property
    def log(self) -> Path:
        return self.data / f"{self.name}.log"

    def start(self) -> ServerProcess:
        """Start it and wait until it answers; raises RuntimeError with the end of its log."""
        self.data.mkdir(parents=True, exist_ok=True)
        arguments = [*self.command, "--port", str(self.port)]
        if self.command == ("serve",):
            arguments += ["--workers", str(self.workers)]
        environment = {**os.environ, **self.variables}
        if self.warm is not None:
            self._process = self.warm.spawn(arguments, environment, self.log)
        else:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "backend.cli", *arguments],
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(timeout=2, verify=certificates()) as client:
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    if client.get(f"{self.url}/health").status_code == 200:
                        return self
                except httpx.HTTPError:
                    time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """`kill -9` of the server and all its workers at once."""
        self._signal_group(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: the server is there, and does nothing."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal_all(signal.SIGCONT)

    @property
    def pid(self) -> int:
        """The process id of what starts the workers."""
        assert self._process is not None
        return self._process.pid

    def workers_alive(self) -> list[int]:
        """The process ids of its workers."""
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def workers_serving(self) -> set[int]:
        """The process ids of the workers that have a connection of a client's right now."""
        here = f"{self.port:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        sockets = {
            f"socket:[{words[9]}]"
            for words in lines
            if words[1].endswith(f":{here}") and words[3] == ESTABLISHED
        }
        return {pid for pid in self.workers_alive() if sockets & _open_files(pid)}

    def stop(self) -> None:
        """Ask it to end, and make sure."""
        self._signal_group(signal.SIGTERM)
        self._signal_group(signal.SIGKILL)

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """A `doorstep` command on this server's database and data."""
        if self.warm is None:
            return doorstep(*arguments, environment=self.variables, timeout=timeout)
        self.data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            said, errors = Path(folder) / "said", Path(folder) / "errors"
            command = self.warm.spawn([*arguments], {**os.environ, **self.variables}, said, errors)
            code = command.wait(timeout)
            return subprocess.CompletedProcess(arguments, code, said.read_text(), errors.read_text())

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            return

    def __enter__(self) -> ServerProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _open_files(pid: int) -> set[str]:
    """What the descriptors of a process are, as the kernel names it."""
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(descriptor.readlink()))
    return found
