"""The oracle: after every healing, whether phones and server are what they should be, and agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.unit_of_work import UnitOfWork
from mobile_client_stub import journal
from sync.inbox import COLLECTION as INBOX
from sync.models import MUTATIONS, FieldInboxEntry
from sync.mutations import Outcome
from tests.simulation.device import Device
from tests.simulation.holding import PhoneCheck
from tests.simulation.invariants import expect
from tests.simulation.keeping import ServerCheck
from tests.simulation.ledger import Ledger
from tests.simulation.restores import Restores
from tests.simulation.server import Server

LEAVES_THE_WINDOW = timedelta(days=2)
"""A settled entry stays on phones for longer than that."""
ANSWER_CUT = "sync-answer-cut"
INVENTORY_DIFFERS = "sync-inventory-differs"
EXPECTED_AFTER_RESTORE = frozenset({"sync-restored", "sync-lost-in-restore"})


@dataclass
class Oracle:
    """Looks, and raises InvariantBroken."""

    server: Server
    ledger: Ledger

    def __post_init__(self) -> None:
        self.kept = ServerCheck(self.server, self.ledger)
        self._phones = PhoneCheck(self.server, self.ledger)

    def look(
        self,
        devices: Iterable[Device],
        since: datetime,
        *,
        restores: Restores,
        decided: Mapping[str, tuple[str, str]],
    ) -> None:
        """Everything that must hold when all queues are empty and nobody writes.

        `since`: when the first of the last exchanges began, one for each phone. `decided`: what the office
        decided since the last look, by entry of the field inbox, and its remark.
        """
        enrolled = [device for device in devices if device.is_enrolled]
        for device in enrolled:
            self._phones.check(device, since)
        self.kept.check_soundness()
        self._check_alarms(restores)
        with self.server.wiring.factory.begin(write=False) as uow:
            for device in enrolled:
                self._check_heard(uow.session, device)
            self._check_decisions(uow, enrolled, decided)
            self.kept.check_mutations(uow.session)
            self.kept.check_reports(uow.session)

    def _check_heard(self, session: Session, device: Device) -> None:
        """What the phone says became of a mutation is what became of it; what was held may have gone on."""
        columns = (MUTATIONS.c.mutation_id, MUTATIONS.c.outcome)
        stored = {str(found): outcome for found, outcome in session.execute(select(*columns))}
        for heard in journal.everything(device.connection):
            typed = self.ledger.typed[heard.mutation_id]
            if heard.outcome in (None, Outcome.HELD.value) or len(typed.versions) > 1:
                continue
            same = stored.get(heard.mutation_id) == heard.outcome
            expect(
                same,
                f"{device.name}: heard another outcome of {typed}",
                (heard, stored.get(heard.mutation_id)),
            )

    def _check_decisions(
        self, uow: UnitOfWork, devices: Iterable[Device], decided: Mapping[str, tuple[str, str]]
    ) -> None:
        """What the office decided stands, and every phone of whoever sent it has heard so."""
        entry = FieldInboxEntry
        columns = (entry.id, entry.owner_id, entry.settled_at, entry.decision, entry.remark)
        rows = {str(row.id): row for row in uow.session.execute(select(*columns))}
        for entry_id, said in decided.items():
            row = rows[entry_id]
            expect((row.decision, row.remark) == said, f"entry {entry_id} is decided otherwise", (row, said))
            if row.settled_at < uow.now - LEAVES_THE_WINDOW:
                continue
            for device in devices:
                if device.user != str(row.owner_id):
                    continue
                shown = device.phone.view(INBOX).get(entry_id, {})
                heard = (shown.get("decision"), shown.get("remark"))
                expect(
                    heard == said, f"{device.name}: has not heard what became of {entry_id}", (heard, said)
                )

    def _check_alarms(self, restores: Restores) -> None:
        expected = EXPECTED_AFTER_RESTORE if restores.happened else frozenset()
        unexpected = [
            (code, detail)
            for code, detail in self.server.alarms
            if code not in expected
            and not (code == INVENTORY_DIFFERS and any(device in detail for device in restores.unprovable))
            and code != ANSWER_CUT
        ]
        expect(not unexpected, "an alarm for no reason", unexpected)
        noticed = sum(code == "sync-restored" for code, _ in self.server.alarms)
        expect(noticed <= restores.provable, "more restores were noticed than there were", self.server.alarms)
        cut = sum(code == ANSWER_CUT for code, _ in self.server.alarms)
        expect(cut <= self.server.cut_answers, "answers were cut for no reason", self.server.alarms)
        self.server.alarms.clear()
        self.server.cut_answers = 0
