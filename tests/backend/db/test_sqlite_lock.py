"""A SQLite version that can corrupt a shared file never shares one."""

import subprocess
import sys
from pathlib import Path

import pytest

from backend.db.sqlite_lock import is_faulty

SOUND, FAULTY = "(3, 53, 4)", "(3, 40, 1)"
HOLD = """
import sys
from pathlib import Path
from backend.db.sqlite_lock import DatabaseHeldElsewhere, hold_database
try:
    hold_database(Path(sys.argv[1]), {version})
    hold_database(Path(sys.argv[1]), {version})
except DatabaseHeldElsewhere as refusal:
    print("refused:", refusal)
else:
    print("held")
sys.stdout.flush()
sys.stdin.read()
"""
FORK = """
import os, sys
from pathlib import Path
from backend.db.sqlite_lock import DatabaseHeldElsewhere, hold_database
hold_database(Path(sys.argv[1]), {version})
child = os.fork()
if child == 0:
    try:
        hold_database(Path(sys.argv[1]), {version})
    except DatabaseHeldElsewhere:
        os._exit(7)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class Process:
    """Another process that holds, or does not get, a file."""

    def __init__(self, file: Path, version: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD.format(version=version), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.said = self._process.stdout.readline().strip()

    def end(self) -> None:
        self._process.communicate()


@pytest.mark.parametrize(
    ("first", "second", "second_is_refused"),
    [(SOUND, SOUND, False), (SOUND, FAULTY, True), (FAULTY, SOUND, True), (FAULTY, FAULTY, True)],
)
def test_a_faulty_sqlite_wants_the_file_for_itself(
    tmp_path: Path, first: str, second: str, second_is_refused: bool
) -> None:
    file = tmp_path / "doorstep.sqlite"
    one = Process(file, first)
    other = Process(file, second)
    assert one.said == "held"
    assert other.said.startswith("refused:") == second_is_refused
    one.end()
    other.end()


def test_the_file_is_free_again_when_its_process_ends(tmp_path: Path) -> None:
    file = tmp_path / "doorstep.sqlite"
    Process(file, FAULTY).end()
    later = Process(file, FAULTY)
    assert later.said == "held"
    later.end()


@pytest.mark.parametrize(("version", "exit_code"), [(SOUND, "0"), (FAULTY, "7")])
def test_a_forked_child_counts_as_another_process(tmp_path: Path, version: str, exit_code: str) -> None:
    command = [sys.executable, "-c", FORK.format(version=version), str(tmp_path / "doorstep.sqlite")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == exit_code


@pytest.mark.parametrize(
    ("version", "faulty"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 53, 4), False)],
)
def test_faulty_are_the_versions_that_their_makers_named(version: tuple[int, ...], faulty: bool) -> None:
    assert is_faulty(version) is faulty
