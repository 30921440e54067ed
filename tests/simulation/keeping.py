"""What the server keeps: everything typed, as it was typed, with its effects, and reports as they closed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.checks import JournalLine, check_everything
from backend.reports.models import ReportCharge, ReportMedia, ServiceReport
from backend.reports.rules import CLOSED
from sync.checks import stored_mutations
from sync.collections import Kind
from sync.facts import UnexpectedFailure
from sync.models import MUTATIONS, FieldInboxEntry
from tests.simulation.invariants import expect
from tests.simulation.ledger import TOOK_EFFECT, Ledger, Typed
from tests.simulation.server import Server

Fingerprint = tuple[Any, ...]
_MAY_CHANGE = {("removed_part.record", "disposition"), ("removed_part.record", "consented_by")}
"""Fields of facts that another mutation may set later."""


@dataclass(frozen=True)
class ServerCheck:
    """Looks at the server, and raises InvariantBroken. `sealed`: every closed report as it was first seen."""

    server: Server
    ledger: Ledger
    sealed: dict[UUID, Fingerprint] = field(default_factory=dict)

    def check_soundness(self) -> None:
        """`doorstep check` with all journals."""
        with self.server.wiring.factory.begin(write=False) as uow:
            stored = {str(found): kept.content for found, kept in stored_mutations(uow.session, None).items()}
        sent = [
            JournalLine(UUID(typed.mutation_id), _version_of(typed, stored.get(typed.mutation_id)), "sent")
            for typed in self.ledger.typed.values()
            if typed.mutation_id not in self.ledger.excused or typed.mutation_id in stored
        ]
        checked = check_everything(self.server.wiring, sent=sent)
        expect(checked.sound, "doorstep check", checked.faults[:20])

    def check_mutations(self, session: Session) -> None:
        """Everything typed is stored as it was typed; what took effect is there, the rest is in the inbox."""
        columns = (MUTATIONS.c.mutation_id, MUTATIONS.c.type, MUTATIONS.c.record_id, MUTATIONS.c.content)
        rows = session.execute(select(*columns, MUTATIONS.c.outcome, MUTATIONS.c.problem)).all()
        stored = {str(row.mutation_id): row for row in rows}
        for mutation_id in stored.keys() - self.ledger.typed.keys():
            expect(False, f"mutation {mutation_id} is stored, and nobody typed it", stored[mutation_id])
        shown = _inbox_contents(session)
        for typed in self.ledger.typed.values():
            if typed.mutation_id in self.ledger.excused and typed.mutation_id not in stored:
                continue
            row = stored.get(typed.mutation_id)
            expect(row is not None, f"mutation {typed.mutation_id} is gone", typed)
            kept = [_without_number(row.content), *shown.get(typed.mutation_id, ())]
            expect(typed.is_among(kept), f"what was typed in {typed.mutation_id} is gone", (typed, kept))
            failed = UnexpectedFailure.code in (row.problem or "")
            expect(not failed, f"a use case failed on {typed.mutation_id}", (row.type, row.problem))
        self._check_effects(session, rows)

    def _check_effects(self, session: Session, rows: Iterable[Any]) -> None:
        """Every fact that was applied is in its table, as it was recorded."""
        engine = self.server.wiring.sync
        wanted: dict[str, dict[UUID, dict[str, Any]]] = {}
        for row in rows:
            kind = engine.mutations.get(row.type)
            if kind is None or kind.kind is not Kind.FACT or row.outcome not in TOOK_EFFECT:
                continue
            said = kind.shape().load(json.loads(row.content)["fields"])
            wanted.setdefault(kind.collection, {})[row.record_id] = {
                name: value for name, value in said.items() if (row.type, name) not in _MAY_CHANGE
            }
        for name, facts in wanted.items():
            table = engine.collections[name].table
            there = {row.id: row._mapping for row in session.execute(select(table))}
            expect(facts.keys() <= there.keys(), f"applied, and not in {name}", facts.keys() - there.keys())
            for record_id, said in facts.items():
                kept = {field: there[record_id][field] for field in said}
                expect(kept == said, f"{name} {record_id} is not what was recorded", (kept, said))

    def check_reports(self, session: Session) -> None:
        """A report that the customer has signed, refused or missed never changes again."""
        for identity, fingerprint in _closed_reports(session).items():
            first = self.sealed.setdefault(identity, fingerprint)
            expect(first == fingerprint, f"closed report {identity} changed", (first, fingerprint))
        for identity in self.sealed.keys() - _closed_reports(session).keys():
            expect(False, f"closed report {identity} is open again, or gone")


def stored_ids(session: Session) -> Collection[str]:
    """The ids of all mutations that the server has."""
    return {str(found) for found in session.execute(select(MUTATIONS.c.mutation_id)).scalars()}


def _closed_reports(session: Session) -> dict[UUID, Fingerprint]:
    report, charge, medium = ServiceReport, ReportCharge, ReportMedia
    said = select(
        report.id,
        report.findings,
        report.work_done,
        report.signer_name,
        report.signature_media_id,
        report.refusal_reason,
        report.absence_reason,
        report.frozen_at,
        report.closed_at,
        report.closed_by,
    ).where(report.status.in_(CLOSED))
    found = {row.id: tuple(row) for row in session.execute(said)}
    charged = select(charge.report_id, charge.id, charge.unit_minor, charge.quantity, charge.withdrawn_at)
    listed = select(medium.report_id, medium.media_id, medium.sha256)
    for lines in (charged.order_by(charge.id), listed.order_by(medium.media_id)):
        for line in session.execute(lines):
            if line.report_id in found:
                found[line.report_id] += (tuple(line),)
    return found


def _inbox_contents(session: Session) -> dict[str, list[dict[str, Any]]]:
    entry = FieldInboxEntry
    contents: dict[str, list[dict[str, Any]]] = {}
    for mutation_id, content in session.execute(select(entry.mutation_id, entry.content)):
        if mutation_id is not None:
            read = json.loads(content)
            contents.setdefault(str(mutation_id), []).append(_plain(read.get("mutation", read)))
    return contents


def _version_of(typed: Typed, stored: str | None) -> dict[str, Any]:
    """Which of the versions the server took first; the last one if it has none of them."""
    taken = None if stored is None else _without_number(stored)
    return next((version for version in typed.versions if version == taken), typed.versions[-1])


def _without_number(content: str) -> dict[str, Any]:
    return _plain(json.loads(content))


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "number"}
