"""What docs/visits.md publishes is what the rules say."""

from pathlib import Path

from backend.visits.rules import TRANSITIONS
from backend.visits.rules.states import COMES_LATE, LAST_VISIT_MEANS, OPEN_VISIT_MEANS
from schemas.visits import VisitStatus

PAGE = Path(__file__).resolve().parents[3] / "docs" / "visits.md"


def tables() -> list[list[list[str]]]:
    """The tables of the page, each as its rows without the head."""
    found: list[list[list[str]]] = [[]]
    for line in PAGE.read_text().splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip(" `").replace(" ", "_") for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table[2:] for table in found if table]


def test_the_published_tables_are_those_of_the_rules() -> None:
    machine, late, while_open, at_the_end = tables()
    assert {(verb, before, after) for verb, several, after in machine for before in several.split(",_")} == {
        (verb.value, before.value, after.value)
        for verb, row in TRANSITIONS.items()
        for before, after in row.items()
    }
    assert {verb: set(several.split(",_")) for verb, several in late} == {
        verb.value: {status.value for status in several} for verb, several in COMES_LATE.items()
    }
    assert dict(while_open) == {status.value: meant.value for status, meant in OPEN_VISIT_MEANS.items()}
    assert dict(at_the_end) == {
        "cancelled_(all_of_them)" if status is VisitStatus.CANCELLED else status.value: meant.value
        for status, meant in LAST_VISIT_MEANS.items()
    }
