"""A device as the protocol describes it: records, cursor, staged pages and a journal, over the engine
itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sync.exchange import exchange
from sync.host import Caller
from tests.sync.toy import START, Toy

Body = dict[str, Any]


@dataclass
class Device:
    """One phone of one technician."""

    toy: Toy
    caller: Caller
    journal: UUID = field(default_factory=uuid4)
    records: dict[tuple[str, str], Body] = field(default_factory=dict)
    hashes: dict[tuple[str, str], int] = field(default_factory=dict)
    staged: list[Body] = field(default_factory=list)
    replacing: bool = True
    cursor: str | None = None
    acknowledged: int = 0
    epoch: str | None = None
    mutations: list[Body] = field(default_factory=list)
    outcomes: dict[int, Body] = field(default_factory=dict)
    directives: list[str] = field(default_factory=list)

    def do(self, type_: str, record: UUID | str, base: int | None = None, **fields: Any) -> Body:
        """Write a mutation into the journal."""
        mutation = {
            "mutation_id": str(uuid4()),
            "number": len(self.mutations) + 1,
            "schema": 1,
            "type": type_,
            "record": str(record),
            "base": base,
            "epoch": self.epoch,
            "fields": fields,
            "occurred_at": "2026-03-02T09:00:00Z",
        }
        self.mutations.append(mutation)
        return mutation

    def unsent(self) -> list[Body]:
        return [m for m in self.mutations if m["number"] > self.acknowledged]

    def request(self, limit: int = 1000, **over: Any) -> Body:
        """What it would send now."""
        message = {
            "protocol": 1,
            "journal": str(self.journal),
            "acknowledged": self.acknowledged,
            "device_now": "2026-03-02T09:00:00Z",
            "cursor": self.cursor,
            "limit": limit,
            "mutations": self.unsent(),
        }
        return {**message, **over}

    def ask(self, **over: Any) -> Body:
        """Send, and return the answer without taking it in: a lost reply."""
        return json.loads(exchange(self.toy.sync, self.caller, self.request(**over)).whole())

    def take_in(self, answer: Body) -> Body:
        """What a device does with an answer."""
        self.directives = answer["directives"]
        for outcome in answer["outcomes"]:
            self.outcomes[outcome["number"]] = outcome
        self.acknowledged = max([self.acknowledged, *(o["number"] for o in answer["outcomes"])])
        self.acknowledged = min(self.acknowledged, answer["expected_number"] - 1)
        self.epoch = answer["epoch"]
        if "resync" in answer["directives"]:
            self.staged, self.replacing = [], True
        self.staged += answer["changes"]
        self.cursor = answer["cursor"]
        if not answer["more"]:
            self._apply()
            self._check(answer["digest"])
        return answer

    def sync(self, limit: int = 1000) -> Body:
        """Exchange until everything is there."""
        answer = self.take_in(self.ask(limit=limit))
        while answer["more"]:
            answer = self.take_in(self.ask(limit=limit))
        return answer

    def _apply(self) -> None:
        if self.replacing:
            self.records, self.hashes, self.replacing = {}, {}, False
        for change in self.staged:
            key = (change["collection"], change["id"])
            if change["op"] == "put":
                self.records[key], self.hashes[key] = change["body"], int(change["hash"], 16)
            else:
                self.records.pop(key, None)
                self.hashes.pop(key, None)
        self.staged = []

    def _check(self, digest: Body) -> None:
        assert sum(feed["count"] for feed in digest.values()) == len(self.records)
        wanted = sum(int(feed["hash"], 16) for feed in digest.values()) % 2**64
        assert sum(self.hashes.values()) % 2**64 == wanted

    def names(self, collection: str) -> set[str]:
        """The ids it holds of one collection."""
        return {id_ for name, id_ in self.records if name == collection}


def device_of(toy: Toy, technician: UUID, **over: Any) -> Device:
    """A newly enrolled device."""
    return Device(toy, toy.caller(technician, **over))


__all__ = ["START", "Device", "datetime", "device_of"]
