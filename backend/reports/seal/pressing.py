"""The server's end of the press: starts it when there is something to seal, and speaks to it in lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.reports.seal.keys import SealKeyMissing

Pressing = Callable[[dict[str, Any]], dict[str, Any]]
"""Does one job of `backend.reports.seal.press`; raises SealKeyMissing or PressFailed."""

PIN = "DOORSTEP_SEAL_PIN"
"""How the PIN of a key in hardware is handed on: a command line is for everybody to see."""
PATIENCE = 120.0
"""Seconds for one job; below the lease of the outbox message that asks for it."""


class PressFailed(Exception):
    """The press could not do this job; the same job may succeed later."""


class PressProcess:
    """A `Pressing` in a process of its own, which ends with this one or by `close`."""

    def __init__(self, folder: Path, timestamp_url: str | None = None, pin: str = "") -> None:
        self._command = [sys.executable, "-m", "backend.reports.seal.press", str(folder)]
        if timestamp_url:
            self._command += ["--timestamp-url", timestamp_url]
        self._environment = {**os.environ, PIN: pin}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, job: dict[str, Any]) -> dict[str, Any]:
        """See `Pressing`. One job at a time."""
        with self._lock:
            answer = self._ask(self._running(), json.dumps(job) + "\n")
        return checked(answer)

    def close(self) -> None:
        """End the process; the next job starts another one."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(  # noqa: S603 - ourselves, and no shell
                self._command, stdin=pipe, stdout=pipe, text=True, env=self._environment
            )
        return self._process

    def _ask(self, process: subprocess.Popen[str], line: str) -> dict[str, Any]:
        assert process.stdin is not None, "a pipe"
        assert process.stdout is not None, "a pipe"
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            said = process.stdout.readline()
        except OSError as error:
            raise PressFailed(f"the press has ended: {error}") from error
        finally:
            watch.cancel()
        if not said:
            raise PressFailed("the press has ended in the middle of a job")
        answer: dict[str, Any] = json.loads(said)
        return answer


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of the press, or what it says went wrong, raised."""
    if "error" not in answer:
        return answer
    if answer["kind"] == SealKeyMissing.__name__:
        raise SealKeyMissing(answer["error"])
    raise PressFailed(f"{answer['kind']}: {answer['error']}")
