"""A phone reduced to what tests of rooms need:

it sends mutations by the exchange and keeps what comes down.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from tests.api import Api, Client
from tests.clock import SettableClock


@dataclass
class Pocket:
    """A device of one technician, on line whenever a method is called."""

    client: Client
    clock: SettableClock
    journal: str = field(default_factory=lambda: str(uuid4()))
    number: int = 0
    acknowledged: int = 0
    cursor: str | None = None
    epoch: str | None = None
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def enrolled(cls, api: Api, user_id: UUID, clock: SettableClock) -> "Pocket":
        """A new phone of that user, through the front door."""
        code = api.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(user_id)})
        enrolment = {"code": code.json["code"], "device_name": "A phone", "platform": "android"}
        answer = api.anonymous.post("/devices/enrol", enrolment)
        assert answer.status_code in (200, 201), answer.text
        return cls(Client(api.app, user_id, answer.json["access_token"]), clock)

    def did(self, type_: str, record: object, /, **fields: object) -> dict[str, Any]:
        """Send one mutation (`service_report.freeze`) and return its outcome."""
        self.number += 1
        (outcome,) = self.sync(
            {
                "mutation_id": str(uuid4()),
                "number": self.number,
                "type": type_,
                "record": str(record),
                "base": self.records.get(str(record), {}).get("revision"),
                "epoch": self.epoch,
                "fields": fields,
                "occurred_at": self.now(),
            }
        )
        return outcome

    def sync(self, *mutations: dict[str, Any]) -> list[dict[str, Any]]:
        """Push, then pull until nothing is left; returns the outcomes."""
        outcomes: list[dict[str, Any]] = []
        more, waiting = True, list(mutations)
        while more:
            answer = self.exchange(waiting)
            outcomes += answer["outcomes"]
            waiting, more, self.cursor, self.epoch = [], answer["more"], answer["cursor"], answer["epoch"]
            for change in answer["changes"]:
                if change["op"] == "put":
                    self.records[change["id"]] = {**change["body"], "collection": change["collection"]}
                else:
                    self.records.pop(change["id"], None)
        self.acknowledged = self.number
        return outcomes

    def exchange(self, mutations: list[dict[str, Any]]) -> dict[str, Any]:
        """One round trip."""
        answer = self.client.post(
            "/sync/exchange",
            {
                "protocol": 1,
                "journal": self.journal,
                "acknowledged": self.acknowledged,
                "device_now": self.now(),
                "cursor": self.cursor,
                "limit": 1000,
                "mutations": mutations,
            },
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json
        return body

    def now(self) -> str:
        """The phone's clock, which is right."""
        return self.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def all(self, collection: str) -> list[dict[str, Any]]:
        """What the phone holds of a collection."""
        return [record for record in self.records.values() if record["collection"] == collection]

    def one(self, collection: str) -> dict[str, Any]:
        """The only record it holds of a collection."""
        (record,) = self.all(collection)
        return record
