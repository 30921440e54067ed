"""What a phone holds when nothing is under way: what it should, and nothing of its user's is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select

from backend.access.queries import zone_and_revocation
from mobile_client_stub import journal, media_queue, records
from sync.exchange import exchange
from sync.host import EVERYBODY, Audience, Caller
from sync.models import FEEDS
from sync.mutations import Outcome
from sync.window import local_day
from tests.simulation.device import Device
from tests.simulation.invariants import expect
from tests.simulation.ledger import TOOK_EFFECT, Ledger
from tests.simulation.server import Server

AUDIENCE = "technician"
ADDITIONS = {
    "visit_note.add": "visit_notes",
    "part_usage.record": "part_usages",
    "removed_part.record": "removed_parts",
    "report_charge.add": "report_charges",
    "media.register": "media",
}
"""What adds a record, and to which collection."""


@dataclass(frozen=True)
class PhoneCheck:
    """Looks at one phone at a time, and raises InvariantBroken."""

    server: Server
    ledger: Ledger

    def check(self, device: Device, since: datetime) -> None:
        """Everything; `since`: when the phone's last exchange began at the earliest."""
        self._check_queue(device)
        self._check_day(device, since)
        self._check_records(device)

    def _check_queue(self, device: Device) -> None:
        """Nothing waits, and what did not go through says why."""
        outbox = device.phone.outbox()
        expect(not outbox.unsent, f"{device.name}: {outbox.unsent} mutations wait", device.last_trouble)
        for unfinished in outbox.mutations:
            expect(bool(unfinished.why), f"{device.name}: {unfinished.mutation} is unfinished for no reason")
        for medium in media_queue.all_media(device.connection):
            whole = medium.stored_at is not None or medium.outcome not in TOOK_EFFECT
            expect(whole, f"{device.name}: file {medium.id} did not arrive", str(medium.trouble))
        mutations = {mutation.mutation_id for mutation in journal.everything(device.connection)}
        for typed in self.ledger.typed.values():
            lost = device.name in typed.holders and typed.mutation_id not in mutations
            expect(not lost, f"{device.name}: has forgotten mutation {typed.mutation_id}", typed.versions)

    def _check_day(self, device: Device, since: datetime) -> None:
        """The phone's feed is of today, where its user is: what it shows cannot say so by itself."""
        with self.server.wiring.factory.begin(write=False) as uow:
            zone, _ = zone_and_revocation(uow.session, UUID(device.phone.account.device_id))
            of_mine = select(FEEDS.c.local_day).where(
                FEEDS.c.audience == Audience(AUDIENCE, UUID(device.user)).key
            )
            day = uow.session.execute(of_mine).scalar_one()
            days = {local_day(since, zone), local_day(uow.now, zone)}
        expect(day in days, f"{device.name}: its feed is of {day}, and today is", days)

    def _check_records(self, device: Device) -> None:
        """The phone holds what a new phone of the same user would get, with the same digest."""
        fresh = self._fresh(device)
        rows = device.connection.execute("SELECT collection, id, hash, body FROM records").fetchall()
        held = {(row["collection"], row["id"]): (row["hash"], row["body"]) for row in rows}
        expect(
            held.keys() == fresh["records"].keys(),
            f"{device.name}: does not hold its scope",
            {
                "missing": fresh["records"].keys() - held.keys(),
                "extra": held.keys() - fresh["records"].keys(),
            },
        )
        for key, (record_hash, body) in held.items():
            same = (record_hash, json.loads(body)) == fresh["records"][key]
            expect(same, f"{device.name}: {key} differs", (body, fresh["records"][key]))
        equal = records.equals_digest(device.connection, fresh["digest"])
        expect(equal, f"{device.name}: the digest differs")
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
        expect(not answer["more"], "a first pull does not fit in one page")
        found = {(c["collection"], c["id"]): (c["hash"], c["body"]) for c in answer["changes"]}
        return {"records": found, "digest": answer["digest"]}

    def _check_references(self, device: Device, held: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        """What a held record points at along an edge is held, too, unless it is held for its own sake."""
        for collection in self.server.wiring.sync.collections:
            for edge in collection.edges:
                if edge.brings == "owner" and collection.roots:
                    continue
                for (name, record_id), body in held.items():
                    target = body.get(edge.column.key) if name == collection.name else None
                    expect(
                        target is None or (edge.to, target) in held,
                        f"{device.name}: {name} {record_id} points at {edge.to} {target}, which is not there",
                    )


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
            expect(there, f"{device.name}: {one.type} {one.record} was applied and left the screen")
