"""A process that has imported the application and forks `doorstep` commands: starting again is cheap.

Importing costs some seconds of a processor, serving begins in a tenth of that. What runs is the command
itself, in a process and a process group of its own, to be killed like any other.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.cli import main as doorstep_command

LONGEST_COMMAND = 300


@dataclass
class Warm:
    """The forking process, started with the first command; ends with whoever started it."""

    _process: subprocess.Popen[str] | None = None
    _talking: threading.Lock = field(default_factory=threading.Lock)

    def spawn(
        self, arguments: list[str], environment: dict[str, str], log: Path, errors: Path | None = None
    ) -> Forked:
        """Run `doorstep ARGUMENTS` in a process group of its own; `errors` where they go to another file."""
        files = {"log": str(log), "errors": str(errors or log)}
        return Forked(self, int(self.ask({"arguments": arguments, "environment": environment, **files})))

    def run(self, arguments: list[str], environment: dict[str, str], log: Path) -> tuple[int, str]:
        """Run a command to its end: its exit code, and what it said."""
        begins = log.stat().st_size if log.exists() else 0
        code = self.spawn(arguments, environment, log).wait(LONGEST_COMMAND)
        return code, log.read_text()[begins:]

    def ask(self, request: dict[str, Any]) -> Any:
        """One line there, one line back."""
        with self._talking:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.journeys.warm"],
                    cwd=Path(__file__).parents[2],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        """End it, and every command that still runs."""
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait(30)
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


@dataclass
class Forked:
    """A command that was forked, as subprocess.Popen would show it."""

    warm: Warm
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        if self.returncode is None:
            self.returncode = self.warm.ask({"of": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code; subprocess.TimeoutExpired when it runs on."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("doorstep", timeout)
            time.sleep(0.01)
        return code


def _fork(arguments: list[str], environment: dict[str, str], log: str, errors: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for target, file in ((1, log), (2, errors)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), target)
        os.environ.clear()
        os.environ.update(environment)
        doorstep_command(args=arguments, prog_name="doorstep")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
    return 0


def _serve_requests(running: set[int]) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        answer: int | None = None
        if "of" in request:
            pid, status = os.waitpid(request["of"], os.WNOHANG)
            if pid:
                running.discard(pid)
                answer = os.waitstatus_to_exitcode(status)
        else:
            answer = _fork(**request)
            running.add(answer)
        print(json.dumps(answer), flush=True)


def _main() -> None:
    """Serve requests until whoever asks is gone; nothing that was forked lives longer."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    running: set[int] = set()
    try:
        _serve_requests(running)
    finally:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    _main()
