"""What must never be in this repository, and what its lock files and its Makefile promise."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib

import pytest

from tests.contracts.sources import ROOT, repository_files

LARGEST_FILE = 1_000_000
TOP_LEVEL = {
    *("backend", "sync", "schemas", "media", "mobile_client_stub", "tests", "pyproject.toml"),
    *("README.md", "LICENSE", "Makefile", "docs"),
}
LOCKS = sorted((ROOT / ".locks").glob("*.txt"))

# Written with brackets so that they do not find themselves.
MACHINE_PATHS = re.compile(r"(?<![\w.])/([r]oot|[h]ome/\w+|[U]sers/\w+|[w]ork|[m]nt|[o]pt/\w+)/")
REGISTRIES = re.compile(r"[-]-(extra-)?index-url|[-]-find-links|[p]ypi\.org/simple|[i]ndex-url\s*=")
PRIVATE_ADDRESSES = re.compile(r"https?://(10\.\d+|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d+")
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE [K]EY-----"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10}"
    r"|\b[sr]k_live_[A-Za-z0-9]{16}"
    r"|://[^/\s:@]{1,40}:(?!password@|secret@)[^/\s:@{<$]{6,}@(?![\w.-]*\b(example|invalid|test)\b)"
)
REQUIREMENT = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;]+)( ; [^\\]+)?( \\)?$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def texts() -> list[tuple[str, str]]:
    """Name and content of every text file."""
    found = []
    for path in repository_files():
        content = path.read_bytes()
        if b"\0" not in content:
            found.append((path.relative_to(ROOT).as_posix(), content.decode("utf-8", "replace")))
    return found


FORBIDDEN = {
    "machine paths": MACHINE_PATHS,
    "registries": REGISTRIES,
    "private addresses": PRIVATE_ADDRESSES,
    "secrets": SECRETS,
}


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_no_file_holds_what_belongs_to_one_machine_or_to_nobody_else(pattern: re.Pattern[str]) -> None:
    held = [
        f"{name}:{content.count(chr(10), 0, match.start()) + 1}: {match.group()[:60]}"
        for name, content in texts()
        for match in pattern.finditer(content)
    ]
    assert held == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert MACHINE_PATHS.search("open('/" + "root/x')")
    assert REGISTRIES.search("--" + "index-url https://example.org")
    assert PRIVATE_ADDRESSES.search("http://10.1" + ".2.3/")
    assert SECRETS.search("postgresql://admin:" + "hunter22@db.firm.net/x")
    assert not SECRETS.search("postgresql://doorstep:${PASSWORD}@db.firm.net/x")


def test_the_top_level_holds_the_rooms_of_the_house_and_nothing_else() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in repository_files()}
    assert {name for name in found if not name.startswith(".")} == TOP_LEVEL


def test_no_file_is_large() -> None:
    large = [str(path.relative_to(ROOT)) for path in repository_files() if path.stat().st_size > LARGEST_FILE]
    assert large == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_holds_nothing_but_exact_versions_with_their_hashes(lock: object) -> None:
    lines = (ROOT / ".locks" / str(lock)).read_text().splitlines()
    strange = [line for line in lines if not (REQUIREMENT.match(line) or HASH.match(line))]
    assert strange == []
    names = [index for index, line in enumerate(lines) if REQUIREMENT.match(line)]
    assert names
    assert [lines[index] for index in names if not HASH.match(lines[index + 1])] == []


def test_the_locks_cover_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    run = project["project"]["dependencies"] + groups["build"]
    wanted = {"run": run, "test": run + groups["test"], "release": groups["release"]}
    for lock, requirements in wanted.items():
        locked = {
            match["name"]
            for line in (ROOT / ".locks" / f"{lock}.txt").read_text().splitlines()
            if (match := REQUIREMENT.match(line))
        }
        asked = {re.split(r"[\[~=<>;\s]", requirement, maxsplit=1)[0] for requirement in requirements}
        assert asked - locked == set()


def test_tests_and_server_run_on_the_same_versions() -> None:
    run, test = (
        set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / ".locks" / name).read_text(), re.MULTILINE))
        for name in ("run.txt", "test.txt")
    )
    assert run - test == set()


def test_what_make_starts_keeps_what_it_compiled() -> None:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    rule = 'told:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n'
    said = subprocess.run(
        ["make", "--silent", "--file", "Makefile", "--file", "-", "told"],
        cwd=ROOT,
        input=rule,
        env={**outer, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "[]", "Python imports in seconds what it has to compile in a dozen"
