"""What technicians typed, remembered beside the phones: the oracle believes neither phones nor server."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from mobile_client_stub import journal
from sync.mutations import Outcome
from tests.simulation.device import Device

Message = dict[str, Any]
TOOK_EFFECT = (Outcome.APPLIED.value, Outcome.MERGED.value)


@dataclass
class Typed:
    """One mutation as it came to a phone's disk.

    `versions` has more than one if a faulty app altered it; `one_is_enough` once a restored server has
    forgotten some of them. `holders` are the phones that must still have it.
    """

    mutation_id: str
    versions: list[Message]
    holders: set[str]
    one_is_enough: bool = False

    def is_among(self, kept: Collection[Message]) -> bool:
        """Whether what must be kept of it is."""
        enough = any if self.one_is_enough else all
        return enough(version in kept for version in self.versions)


@dataclass
class Ledger:
    """Everything typed, by mutation id; `excused` is what nobody can have any more."""

    typed: dict[str, Typed] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)

    def read(self, device: Device) -> int:
        """Take in what the phone's journal has beyond what was read before; returns how much that is."""
        if not device.is_enrolled:
            return 0
        rows = device.connection.execute(
            "SELECT * FROM mutations WHERE written > ? ORDER BY written", (device.journal_read,)
        ).fetchall()
        for row in rows:
            device.journal_read = row["written"]
            mutation_id = row["mutation_id"]
            self.typed[mutation_id] = Typed(mutation_id, [_content(row)], {device.name})
        return len(rows)

    def is_altered(self, mutation_id: str) -> bool:
        """Whether a faulty app has altered it already."""
        return len(self.typed[mutation_id].versions) > 1

    def alter(self, device: Device, mutation_id: str) -> None:
        """Take in what a faulty app did to a mutation that it had written before."""
        row = device.connection.execute(
            "SELECT * FROM mutations WHERE mutation_id = ?", (mutation_id,)
        ).fetchone()
        self.typed[mutation_id].versions.append(_content(row))

    def note_clone(self, device: Device, clone: Device) -> None:
        """Another phone holds all that this one holds."""
        for typed in self.typed.values():
            if device.name in typed.holders:
                typed.holders.add(clone.name)

    def note_gone(self, device: Device, stored: Collection[str]) -> list[str]:
        """The phone holds nothing any more, in good faith that the server does: it has `stored`.

        Returns what nobody has from now on, as mutation ids; it should be nothing.
        """
        device.journal_read = 0
        lost = []
        for typed in self.typed.values():
            if device.name in typed.holders:
                typed.holders.discard(device.name)
                if not typed.holders and typed.mutation_id not in stored:
                    lost.append(typed.mutation_id)
        return lost

    def note_restore(self, stored: Collection[str]) -> None:
        """The server is what it was at its backup; it has the mutations `stored`, phones have what they have.

        Nobody has what was handed in since then by phones that were wiped. Of a mutation that a faulty app
        altered the phone has the last version, and a request on its way may bring an earlier one.
        """
        for typed in self.typed.values():
            typed.one_is_enough = typed.one_is_enough or len(typed.versions) > 1
            if typed.mutation_id not in stored and not typed.holders:
                self.excused.add(typed.mutation_id)


def _content(row: Any) -> Message:
    """A mutation as it travels, without its number: that changes with the journal."""
    names = journal.Mutation.__dataclass_fields__
    message = {name: row[name] for name in names if name in row.keys() and name not in _NOT_SENT}  # noqa: SIM118
    return {**message, "fields": json.loads(row["fields"])}


_NOT_SENT = ("outcome", "problem", "number")
