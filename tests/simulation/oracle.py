"""The oracle: after every healing, whether phones equal the server and everything typed is accounted for."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.access.queries import zone_and_revocation
from backend.checks import Sent, check_everything
from backend.db.unit_of_work import UnitOfWork
from backend.reports.models import ReportCharge, ReportMedia, ServiceReport
from backend.reports.rules import CLOSED
from mobile_client_stub import journal, media_queue, records
from sync.checks import stored_mutations
from sync.collections import Kind
from sync.cursor import Cursor
from sync.exchange import exchange
from sync.facts import UnexpectedFailure
from sync.host import EVERYBODY, Audience, Caller
from sync.inbox import COLLECTION as INBOX
from sync.models import FEEDS, JOURNALS, MUTATIONS, STATE, FieldInboxEntry
from sync.mutations import Outcome
from sync.window import local_day
from tests.simulation.device import Device
from tests.simulation.ledger import Ledger, Typed
from tests.simulation.network import InvariantBroken
from tests.simulation.server import Server

AUDIENCE = "technician"
LEAVES_THE_WINDOW = timedelta(days=2)
"""A settled entry stays on phones for longer than that."""
ANSWER_CUT = "sync-answer-cut"
INVENTORY_DIFFERS = "sync-inventory-differs"
EXPECTED_AFTER_RESTORE = frozenset({"sync-restored", "sync-lost-in-restore"})
TOOK_EFFECT = (Outcome.APPLIED.value, Outcome.MERGED.value)
Fingerprint = tuple[Any, ...]


@dataclass
class Oracle:
    """Looks, and raises InvariantBroken. `sealed` remembers every closed report as it was first seen."""

    server: Server
    ledger: Ledger
    sealed: dict[UUID, Fingerprint] = field(default_factory=dict)

    def look(
        self,
        devices: Iterable[Device],
        since: datetime,
        *,
        restored: bool = False,
        provable: int = 0,
        unprovable: Collection[str] = (),
        decided: Mapping[str, tuple[str, str]],
    ) -> None:
        """Everything that must hold when all queues are empty and nobody writes.

        `since`: when the first of the last exchanges began, one for each phone. `restored`: whether the
        server was put back to a backup since the last look; `provable`: how often somebody could tell it so
        with a cursor of the epoch in force; `unprovable`: the devices, by id, that only an inventory could
        tell it. `decided`: what the office decided since the last look, by entry of the field inbox, and its
        remark.
        """
        enrolled = [device for device in devices if device.is_enrolled]
        for device in enrolled:
            self._check_queue(device)
            self._check_day(device, since)
            self._check_records(device)
        self._check_server()
        self._check_alarms(restored, provable, unprovable)
        with self.server.wiring.factory.begin(write=False) as uow:
            for device in enrolled:
                self._check_heard(uow.session, device)
            self._check_decisions(uow, enrolled, decided)
            self._check_mutations(uow.session)
            self._check_reports(uow.session)

    # The phones

    def _check_queue(self, device: Device) -> None:
        """Nothing waits, and what did not go through says why."""
        outbox = device.phone.outbox()
        _expect(not outbox.unsent, f"{device.name}: {outbox.unsent} mutations wait", device.last_trouble)
        for unfinished in outbox.mutations:
            _expect(bool(unfinished.why), f"{device.name}: {unfinished.mutation} is unfinished for no reason")
        for medium in media_queue.all_media(device.connection):
            whole = medium.stored_at is not None or medium.outcome not in TOOK_EFFECT
            _expect(whole, f"{device.name}: file {medium.id} did not arrive", str(medium.trouble))
        mutations = {mutation.mutation_id for mutation in journal.everything(device.connection)}
        for typed in self.ledger.typed.values():
            lost = device.name in typed.holders and typed.mutation_id not in mutations
            _expect(not lost, f"{device.name}: has forgotten mutation {typed.mutation_id}", typed.versions)

    def _check_day(self, device: Device, since: datetime) -> None:
        """The phone's feed is of today, where its user is: what it shows cannot say so by itself."""
        with self.server.wiring.factory.begin(write=False) as uow:
            zone, _ = zone_and_revocation(uow.session, UUID(device.phone.account.device_id))
            of_mine = select(FEEDS.c.local_day).where(
                FEEDS.c.audience == Audience(AUDIENCE, UUID(device.user)).key
            )
            day = uow.session.execute(of_mine).scalar_one()
            days = {local_day(since, zone), local_day(uow.now, zone)}
        _expect(day in days, f"{device.name}: its feed is of {day}, and today is", days)

    def _check_heard(self, session: Session, device: Device) -> None:
        """What the phone says became of a mutation is what became of it; what was held may have gone on."""
        columns = (MUTATIONS.c.mutation_id, MUTATIONS.c.outcome)
        stored = {str(found): outcome for found, outcome in session.execute(select(*columns))}
        for heard in journal.everything(device.connection):
            typed = self.ledger.typed[heard.mutation_id]
            if heard.outcome in (None, Outcome.HELD.value) or len(typed.versions) > 1:
                continue
            same = stored.get(heard.mutation_id) == heard.outcome
            _expect(
                same,
                f"{device.name}: heard another outcome of {typed}",
                (heard, stored.get(heard.mutation_id)),
            )

    def _check_records(self, device: Device) -> None:
        """The phone holds what a new phone of the same user would get, with the same digest."""
        fresh = self._fresh(device)
        rows = device.connection.execute("SELECT collection, id, hash, body FROM records").fetchall()
        held = {(row["collection"], row["id"]): (row["hash"], row["body"]) for row in rows}
        _expect(
            held.keys() == fresh["records"].keys(),
            f"{device.name}: does not hold its scope",
            {
                "missing": fresh["records"].keys() - held.keys(),
                "extra": held.keys() - fresh["records"].keys(),
            },
        )
        for key, (record_hash, body) in held.items():
            same = (record_hash, json.loads(body)) == fresh["records"][key]
            _expect(same, f"{device.name}: {key} differs", (body, fresh["records"][key]))
        equal = records.equals_digest(device.connection, fresh["digest"])
        _expect(equal, f"{device.name}: the digest differs")
        self._check_references(device, {key: json.loads(body) for key, (_, body) in held.items()})

    def _fresh(self, device: Device) -> dict[str, Any]:
        """The first pull of a phone that has nothing."""
        engine, user = self.server.wiring.sync, UUID(device.user)
        with self.server.wiring.factory.begin(write=False) as uow:
            zone, _ = zone_and_revocation(uow.session, UUID(device.phone.account.device_id))
        caller = Caller(uuid4(), user, None, (Audience(AUDIENCE, user), EVERYBODY), zone)
        request = {
            "protocol": 1,
            "journal": str(uuid4()),
            "acknowledged": 0,
            "device_now": None,
            "cursor": None,
            "limit": 10_000,
            "mutations": [],
        }
        answer = orjson.loads(exchange(engine, caller, request).whole())
        _expect(not answer["more"], "a first pull does not fit in one page")
        found = {(c["collection"], c["id"]): (c["hash"], c["body"]) for c in answer["changes"]}
        return {"records": found, "digest": answer["digest"]}

    def _check_decisions(
        self, uow: UnitOfWork, devices: Iterable[Device], decided: Mapping[str, tuple[str, str]]
    ) -> None:
        """What the office decided stands, and every phone of whoever sent it has heard so."""
        entry = FieldInboxEntry
        columns = (entry.id, entry.owner_id, entry.settled_at, entry.decision, entry.remark)
        rows = {str(row.id): row for row in uow.session.execute(select(*columns))}
        for entry_id, said in decided.items():
            row = rows[entry_id]
            _expect((row.decision, row.remark) == said, f"entry {entry_id} is decided otherwise", (row, said))
            if row.settled_at < uow.now - LEAVES_THE_WINDOW:
                continue
            for device in devices:
                if device.user != str(row.owner_id):
                    continue
                shown = device.phone.view(INBOX).get(entry_id, {})
                heard = (shown.get("decision"), shown.get("remark"))
                _expect(
                    heard == said, f"{device.name}: has not heard what became of {entry_id}", (heard, said)
                )

    def _check_references(self, device: Device, held: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        """What a held record points at along an edge is held, too, unless it is held for its own sake."""
        for collection in self.server.wiring.sync.collections:
            for edge in collection.edges:
                if edge.brings == "owner" and collection.roots:
                    continue
                for (name, record_id), body in held.items():
                    target = body.get(edge.column.key) if name == collection.name else None
                    _expect(
                        target is None or (edge.to, target) in held,
                        f"{device.name}: {name} {record_id} points at {edge.to} {target}, which is not there",
                    )

    # The server

    def _check_server(self) -> None:
        """`doorstep check` with all journals."""
        with self.server.wiring.factory.begin(write=False) as uow:
            stored = {str(found): kept.content for found, kept in stored_mutations(uow.session, None).items()}
        sent = [
            Sent(UUID(typed.mutation_id), _version_of(typed, stored.get(typed.mutation_id)), "sent")
            for typed in self.ledger.typed.values()
            if typed.mutation_id not in self.ledger.excused or typed.mutation_id in stored
        ]
        checked = check_everything(self.server.wiring, sent=sent)
        _expect(checked.sound, "doorstep check", checked.faults[:20])

    def _check_alarms(self, restored: bool, provable: int, unprovable: Collection[str]) -> None:
        expected = EXPECTED_AFTER_RESTORE if restored else frozenset()
        unexpected = [
            (code, detail)
            for code, detail in self.server.alarms
            if code not in expected
            and not (code == INVENTORY_DIFFERS and any(device in detail for device in unprovable))
            and code != ANSWER_CUT
        ]
        _expect(not unexpected, "an alarm for no reason", unexpected)
        noticed = sum(code == "sync-restored" for code, _ in self.server.alarms)
        _expect(noticed <= provable, "more restores were noticed than there were", self.server.alarms)
        cut = sum(code == ANSWER_CUT for code, _ in self.server.alarms)
        _expect(cut <= self.server.cut_answers, "answers were cut for no reason", self.server.alarms)
        self.server.alarms.clear()
        self.server.cut_answers = 0

    def _check_mutations(self, session: Session) -> None:
        """Everything typed is stored as it was typed; what took effect is there, the rest is in the inbox."""
        columns = (MUTATIONS.c.mutation_id, MUTATIONS.c.type, MUTATIONS.c.record_id, MUTATIONS.c.content)
        rows = session.execute(select(*columns, MUTATIONS.c.outcome, MUTATIONS.c.problem)).all()
        stored = {str(row.mutation_id): row for row in rows}
        for mutation_id in stored.keys() - self.ledger.typed.keys():
            _expect(False, f"mutation {mutation_id} is stored, and nobody typed it", stored[mutation_id])
        shown = _inbox_contents(session)
        for typed in self.ledger.typed.values():
            if typed.mutation_id in self.ledger.excused and typed.mutation_id not in stored:
                continue
            row = stored.get(typed.mutation_id)
            _expect(row is not None, f"mutation {typed.mutation_id} is gone", typed)
            kept = [_without_number(row.content), *shown.get(typed.mutation_id, ())]
            _expect(typed.is_among(kept), f"what was typed in {typed.mutation_id} is gone", (typed, kept))
            failed = UnexpectedFailure.code in (row.problem or "")
            _expect(not failed, f"a use case failed on {typed.mutation_id}", (row.type, row.problem))
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
            _expect(facts.keys() <= there.keys(), f"applied, and not in {name}", facts.keys() - there.keys())
            for record_id, said in facts.items():
                kept = {field: there[record_id][field] for field in said}
                _expect(kept == said, f"{name} {record_id} is not what was recorded", (kept, said))

    def _check_reports(self, session: Session) -> None:
        """A report that the customer has signed, refused or missed never changes again."""
        for identity, fingerprint in _closed_reports(session).items():
            first = self.sealed.setdefault(identity, fingerprint)
            _expect(first == fingerprint, f"closed report {identity} changed", (first, fingerprint))
        for identity in self.sealed.keys() - _closed_reports(session).keys():
            _expect(False, f"closed report {identity} is open again, or gone")


_MAY_CHANGE = {("removed_part.record", "disposition"), ("removed_part.record", "consented_by")}
"""Fields of facts that another mutation may set later."""
ADDITIONS = {
    "visit_note.add": "visit_notes",
    "part_usage.record": "part_usages",
    "removed_part.record": "removed_parts",
    "report_charge.add": "report_charges",
    "media.register": "media",
}
"""What adds a record, and to which collection."""


def additions_shown(device: Device) -> list[journal.Mutation]:
    """What the user added that only the phone's own journal shows yet."""
    if not device.is_enrolled:
        return []
    return list(journal.unsettled(device.connection, ADDITIONS))


def check_additions(device: Device, shown: Iterable[journal.Mutation]) -> None:
    """An exchange shows its own effects: nothing the user added leaves the screen when it was applied."""
    held = {tuple(row) for row in device.connection.execute("SELECT collection, id FROM records")}
    outcomes = dict(
        device.connection.execute("SELECT mutation_id, outcome FROM mutations WHERE settled = 1").fetchall()
    )
    for one in shown:
        parent = ("service_reports", one.fields.get("report_id")), ("visits", one.fields.get("visit_id"))
        if outcomes.get(one.mutation_id) == Outcome.APPLIED.value and held.intersection(parent):
            there = (ADDITIONS[one.type], one.record) in held
            _expect(there, f"{device.name}: {one.type} {one.record} was applied and left the screen")


def epoch_believed(server: Server, device: Device) -> UUID | None:
    """The epoch of the phone's cursor if it is the one in force; None if the phone has another, or no cursor.

    Such a phone goes on where it was, unless it is ahead: see `is_ahead`.
    """
    if not device.is_enrolled:
        return None
    cursor = _cursor_of(server, device)
    with server.wiring.factory.begin(write=False) as uow:
        in_force = uow.session.execute(select(STATE.c.epoch)).scalar_one()
    return in_force if cursor is not None and cursor.epoch == in_force else None


def is_ahead(server: Server, device: Device) -> bool:
    """Whether the phone can prove that the server is an older one: by its cursor, or by outcomes.

    A restored server whose feed has grown again beyond the phone's cursor before the phone came is found out
    by the digest alone, and mended by an inventory.
    """
    progress, cursor = journal.progress(device.connection), _cursor_of(server, device)
    with server.wiring.factory.begin(write=False) as uow:
        feeds = uow.session.execute(select(FEEDS.c.audience, FEEDS.c.head))
        heads = {feed.audience: feed.head for feed in feeds}
        mine = JOURNALS.c.journal == UUID(progress.journal)
        expected = uow.session.execute(select(JOURNALS.c.expected_number).where(mine)).scalar() or 1
    places = cursor.places.items() if cursor is not None else ()
    return progress.acknowledged >= expected or any(at.position > heads.get(key, 0) for key, at in places)


def _cursor_of(server: Server, device: Device) -> Cursor | None:
    progress = journal.progress(device.connection)
    token = progress.staged_cursor or progress.cursor
    return server.wiring.sync.signer.read(token) if token else None


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


def _expect(holds: bool, invariant: str, evidence: object = "") -> None:
    if not holds:
        raise InvariantBroken(f"{invariant} {evidence}".strip()[:4000])
