"""The files of this repository, as the contracts read them."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("backend", "sync", "schemas", "media", "mobile_client_stub")
UNTRACKED = {".git", ".venv", "var", "__pycache__", "build"}


@dataclass(frozen=True)
class Module:
    """One Python file, parsed."""

    path: Path

    @property
    def name(self) -> str:
        """The path from the root of the repository, for messages."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


@cache
def repository_files() -> list[Path]:
    """Every file that is, or would be, part of a commit; without git, all outside the generated folders."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        found = [ROOT / name.decode() for name in listing.stdout.split(b"\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not UNTRACKED & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in found if path.is_file())


@cache
def _module(path: Path) -> Module:
    return Module(path)


def modules(*folders: str) -> list[Module]:
    """Every Python file below the folders; each is read and parsed once in a run."""
    return [
        _module(path)
        for path in repository_files()
        if path.suffix == ".py" and any(path.is_relative_to(ROOT / folder) for folder in folders)
    ]
