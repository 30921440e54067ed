"""`doorstep check`: the oracle over everything a deployment holds, and over what phones say they sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.table import Table
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from backend.access.queries import audited_actions_of_devices
from backend.app import Wiring
from backend.attachments.queries import stored_keys
from backend.outbox.queries import outbox_figures
from backend.visits.queries import work_orders_that_contradict_their_visits
from sync.checks import check, outcomes_of_devices, stored_mutations

MOST_FAULTS_SHOWN = 50


@dataclass
class Checked:
    """What was found: `faults` is empty when all is well."""

    faults: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    journals: dict[str, int] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "sound": self.sound,
            "figures": self.figures,
            "journals": self.journals,
            "faults": self.faults,
        }

    def as_table(self) -> Table:
        """For people: figures first, then what is wrong."""
        table = Table(box=None, show_header=False, pad_edge=False)
        for name, figure in {**self.figures, **{f"phones: {k}": v for k, v in self.journals.items()}}.items():
            table.add_row(name, str(figure))
        for fault in self.faults[:MOST_FAULTS_SHOWN]:
            table.add_row("[red]wrong[/]", fault)
        if len(self.faults) > MOST_FAULTS_SHOWN:
            table.add_row("", f"… and {len(self.faults) - MOST_FAULTS_SHOWN} more")
        table.add_row(
            "[bold]check[/]", "[green]sound[/]" if self.sound else f"[red]{len(self.faults)} faults[/]"
        )
        return table


@dataclass(frozen=True)
class JournalLine:
    """A line of a phone's journal; `outcome` is None while the phone has heard nothing."""

    mutation_id: UUID
    message: Mapping[str, Any]
    outcome: str | None


def check_everything(
    wiring: Wiring, journals: Iterable[Path] = (), sent: Iterable[JournalLine] = ()
) -> Checked:
    """Bring all feeds up to date, then look at everything; best on a database nobody writes to meanwhile.

    `journals` are files of phones' journals, `sent` is what somebody knows of them without a file.
    """
    report = check(wiring.sync)
    checked = Checked(list(report.faults), dict(report.figures))
    with wiring.factory.begin(write=False) as uow:
        checked.faults += work_orders_that_contradict_their_visits(uow.session)
        checked.faults += _database_faults(uow.session)
        keys = stored_keys(uow.session)
        outbox = outbox_figures(uow.session)
        _hold_against(uow.session, [*_read_journals(journals), *sent], checked)
    checked.figures["files stored"] = len(keys)
    checked.faults += [
        f"media {key}: stored, but there is no such object" for key in keys if not wiring.objects.head(key)
    ]
    checked.figures["outbox given up"] = outbox.dead
    return checked


def _database_faults(session: Session) -> list[str]:
    """What the database says of itself: SQLite is asked, PostgreSQL checks pages when all rows are read."""
    if session.connection().dialect.name != "sqlite":
        for table in inspect(session.connection()).get_table_names():
            session.execute(text(f'SELECT sum(length(t::text)) FROM "{table}" t'))  # noqa: S608 - our own names
        return []
    answers = [row[0] for row in session.execute(text("PRAGMA integrity_check"))]
    broken = [f"foreign key: {tuple(row)}" for row in session.execute(text("PRAGMA foreign_key_check"))]
    return [f"SQLite: {answer}" for answer in answers if answer != "ok"] + broken


def _read_journals(files: Iterable[Path]) -> list[JournalLine]:
    return [sent for file in files for sent in _read_journal(file)]


def _read_journal(file: Path) -> Iterator[JournalLine]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                entry = json.loads(line)
                yield JournalLine(UUID(entry["message"]["mutation_id"]), entry["message"], entry["outcome"])


def _hold_against(session: Session, sent: list[JournalLine], checked: Checked) -> None:
    """Compare phones' journals with what is stored, and what was applied with the audit log: one row each."""
    if not sent:
        return
    stored = stored_mutations(session, {entry.mutation_id for entry in sent})
    figures = Counter(mutations=len(sent), waiting=0, lost=0, doubled=0)
    for entry in sent:
        kept = stored.get(entry.mutation_id)
        if entry.outcome is None:
            figures["waiting"] += 1
        elif kept is None or not _same(json.loads(kept.content), entry.message):
            figures["lost"] += 1
            checked.faults.append(
                f"mutation {entry.mutation_id} was acknowledged and is not stored as it was sent"
            )
    devices = {kept.device_id for kept in stored.values()}
    made = {entry.mutation_id for entry in sent}
    _compare_with_audit(session, devices, figures, checked)
    strangers = stored_mutations(session, None, devices).keys() - made
    checked.faults += [
        f"mutation {stranger} is stored, and no phone made it" for stranger in sorted(strangers)
    ]
    checked.journals = dict(figures)


def _compare_with_audit(
    session: Session, devices: set[UUID], figures: Counter[str], checked: Checked
) -> None:
    """Every effect leaves one audit row: more rows of a record than mutations that took effect on it means
    one did twice."""
    audited = audited_actions_of_devices(session, devices)
    for (kind, record_id), became in outcomes_of_devices(session, devices).items():
        seen = audited[(kind, record_id)]
        # Of a merged mutation perhaps no field was left to apply, so only the applied ones must have a row.
        missing = max(0, became["applied"] - seen)
        extra = max(0, seen - became["applied"] - became["merged"])
        figures["lost"] += missing
        figures["doubled"] += extra
        if missing or extra:
            checked.faults.append(
                f"{kind} of {record_id}: {became['applied']} applied, {became['merged']} merged, "
                f"{seen} took effect"
            )


def _same(stored: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether both say the same; the number may differ, a replaced journal counts anew."""
    return {**stored, "number": 0} == {**sent, "number": 0}
