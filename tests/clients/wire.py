"""The wire of the stores' protocols, spoken by hand: for what their packages do not do on demand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.api import Api, Client
from tests.clock import SettableClock

Body = dict[str, Any]


def enrolled(api: Api, user_id: UUID) -> Client:
    """A new phone of that user, through the front door."""
    code = api.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(user_id)})
    enrolment = {"code": code.json["code"], "device_name": "A phone", "platform": "android"}
    answer = api.anonymous.post("/devices/enrol", enrolment)
    return Client(api.app, user_id, answer.json["access_token"])


@dataclass
class Melon:
    """WatermelonDB's protocol: what came last per record, and the integer."""

    client: Client
    clock: SettableClock
    timestamp: int | None = None
    records: dict[str, dict[str, Body]] = field(default_factory=dict)

    def pull(self, **query: Any) -> Body:
        """`pullChanges`, taken in."""
        asked = {"last_pulled_at": "null" if self.timestamp is None else self.timestamp, "migration": "null"}
        answer = self.client.get("/sync/watermelon", **{**asked, "schema_version": 1, **query})
        assert answer.status_code == 200, answer.text
        body: Body = answer.json
        if body.get("experimentalStrategy") == "replacement":
            self.records = {}
        for table, lists in body["changes"].items():
            assert set(lists) == {"created", "updated", "deleted"}
            assert lists["created"] == []
            held = self.records.setdefault(table, {})
            held.update({row["id"]: row for row in lists["updated"]})
            for id_ in lists["deleted"]:
                held.pop(id_, None)
        self.timestamp = body["timestamp"]
        self.clock.advance(seconds=1)
        return body

    def push(self, table: str, *, created: Any = (), updated: Any = (), deleted: Any = ()) -> Body:
        """`pushChanges`, as the documentation's example sends it."""
        changes = {table: {"created": list(created), "updated": list(updated), "deleted": list(deleted)}}
        return self.push_raw(changes)

    def push_raw(self, changes: object) -> Body:
        """The same with any body, without a content type."""
        path = f"/sync/watermelon?last_pulled_at={self.timestamp}"
        answer = self.client.send("POST", path, data=json.dumps(changes), content_type="text/plain")
        assert answer.status_code == 200, answer.text
        body: Body = answer.json
        return body

    def sync(self, table: str = "visits", **rows: Any) -> Body:
        """One cycle: pull, then push; what became of the rows."""
        self.pull()
        return self.push(table, **rows)

    def one(self, table: str) -> Body:
        """The only record it holds of a table."""
        (record,) = self.records[table].values()
        return record


def edited(record: Body, **changes: Any) -> Body:
    """A record as WatermelonDB pushes it after an edit."""
    return {**record, **changes, "_status": "updated", "_changed": ",".join(changes)}


@dataclass
class Docs:
    """RxDB's protocol for one collection: documents by id, without those that are gone."""

    client: Client
    collection: str
    cursor: str = ""
    documents: dict[str, Body] = field(default_factory=dict)

    def pull(self, batch_size: int = 100) -> list[Body]:
        """Pages until one is not full; all documents that came."""
        came: list[Body] = []
        while True:
            answer = self.ask(batch_size)
            came += answer["documents"]
            if not answer["documents"]:
                break  # RxDB forgets the checkpoint of an empty page
            self.cursor = answer["checkpoint"]["cursor"]
            if len(answer["documents"]) < batch_size:
                break
        for document in came:
            if document["_deleted"]:
                self.documents.pop(document["id"], None)
            else:
                self.documents[document["id"]] = document
        return came

    def ask(self, batch_size: int = 100) -> Body:
        """One page, not taken in."""
        query = {"cursor": self.cursor, "batch_size": batch_size}
        answer = self.client.get(f"/sync/rxdb/{self.collection}/pull", **query)
        assert answer.status_code == 200, answer.text
        body: Body = answer.json
        return body

    def push(self, *rows: object) -> list[Body]:
        """The documents that stand where these do not."""
        data = json.dumps(rows)
        answer = self.client.send("POST", f"/sync/rxdb/{self.collection}/push", data=data)
        assert answer.status_code == 200, answer.text
        standing: list[Body] = json.loads(answer.text)
        return standing

    def one(self) -> Body:
        """The only document it holds."""
        (document,) = self.documents.values()
        return document


def row_of(assumed: Body | None, new: Body) -> Body:
    """A row as RxDB pushes it."""
    return {"newDocumentState": new, **({"assumedMasterState": assumed} if assumed else {})}
