"""docs/reports.md says what the code does."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pytest

import backend.aftercare.rules
import backend.attachments.rules
import backend.reports.rules
from tests.backend.reports.test_states import CHANGES

PAGE = (Path(__file__).parents[3] / "docs" / "reports.md").read_text()
MACHINES = {
    "A service report": backend.reports.rules.TRANSITIONS,
    "A medium": backend.attachments.rules.TRANSITIONS,
    "A callback": backend.aftercare.rules.TRANSITIONS,
}


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line] for line in lines]


@pytest.mark.parametrize("title", MACHINES)
def test_the_page_has_every_step_of_the_machine_and_no_other(title: str) -> None:
    machine: Mapping[tuple[StrEnum, str], StrEnum] = MACHINES[title]
    written = {
        (before, row[0], row[2])
        for row in rows(section(title))
        if len(row) == 3
        for before in row[1].split(", ")
    }
    assert written == {(before.value, str(verb), after.value) for (before, verb), after in machine.items()}


def test_the_page_has_every_code_of_what_can_be_open() -> None:
    written = {row[0] for row in rows(section("A service report")) if len(row) == 2}
    assert written == {code for _, code in CHANGES}
