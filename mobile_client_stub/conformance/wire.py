"""The protocol as bytes: requests, answers, and a phone that remembers no more than it must."""

from __future__ import annotations

import gzip
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from mobile_client_stub.conformance.rule import Broken

Body = dict[str, Any]

PROTOCOL = 1
PAGE = 500
MOST_PAGES = 1000
HASH_SPACE = 2**64


def new_id() -> str:
    """A UUIDv7 of this moment."""
    value = (time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(12) << 64
    return str(UUID(int=value | 0b10 << 62 | secrets.randbits(62)))


def now() -> str:
    """This machine's clock, as a phone would send it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is empty when it was no JSON object; `encoding` is that of the bytes."""

    status: int
    headers: httpx.Headers
    body: Body
    encoding: str

    @property
    def code(self) -> str:
        """The last word of a problem's type, "" for anything else."""
        return str(self.body.get("type", "")).rpartition(":")[2]

    @property
    def changes(self) -> list[Body]:
        """The changes of an exchange or a reconcile."""
        return list(self.body["changes"])

    @property
    def outcomes(self) -> list[Body]:
        """The outcomes of an exchange."""
        return list(self.body["outcomes"])

    @property
    def directives(self) -> list[str]:
        """The directives of an exchange or a reconcile."""
        return list(self.body["directives"])

    def __str__(self) -> str:
        if self.status < 300:
            return f"{self.status}"
        return f"{self.status} {self.code or self.headers.get('content-type', 'without a type')}"


@dataclass(frozen=True)
class Wire:
    """The server under test, at the other end of an HTTP client."""

    client: httpx.Client

    def post(
        self,
        path: str,
        document: object,
        *,
        token: str | None = None,
        zipped: bool = False,
        take: str = "identity",
    ) -> Answer:
        """POST JSON (texts and bytes as they are); `take` is the Accept-Encoding."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {"Content-Type": "application/json", "Accept-Encoding": take}
        if zipped:
            content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return _answer_of(self.client.post(path, content=content, headers=headers))

    def get(self, path: str, query: Mapping[str, str], *, token: str) -> Answer:
        """GET with a query."""
        return _answer_of(
            self.client.get(path, params=dict(query), headers={"Authorization": f"Bearer {token}"})
        )

    def put(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """PUT bytes where, and with the headers, the server said.

        Asked once more when the connection ended without an answer: a server that refused the bytes before
        may have closed it behind that answer, and bytes may be sent as often as one likes.
        """
        try:
            return _answer_of(self.client.put(url, content=content, headers=dict(headers)))
        except httpx.RemoteProtocolError:
            return _answer_of(self.client.put(url, content=content, headers=dict(headers)))


def _answer_of(response: httpx.Response) -> Answer:
    try:
        body = response.json()
    except ValueError:
        body = None
    encoding = response.headers.get("Content-Encoding", "identity")
    return Answer(response.status_code, response.headers, body if isinstance(body, dict) else {}, encoding)


@dataclass
class Device:
    """An enrolled phone: who it is and its newest tokens."""

    wire: Wire
    enrolled: Body

    @property
    def device_id(self) -> str:
        """The id the server gave it."""
        return str(self.enrolled["device_id"])

    @property
    def user_id(self) -> str:
        """Whose phone it is."""
        return str(self.enrolled["user_id"])

    @property
    def access_token(self) -> str:
        """What it signs in with."""
        return str(self.enrolled["access_token"])

    @property
    def refresh_token(self) -> str:
        """What it gets the next tokens for."""
        return str(self.enrolled["refresh_token"])

    def post(self, path: str, document: object, **options: Any) -> Answer:
        """A signed-in request."""
        return self.wire.post(path, document, token=self.access_token, **options)

    def get(self, path: str, **query: str) -> Answer:
        """A signed-in GET."""
        return self.wire.get(path, query, token=self.access_token)

    def journal(self) -> Journal:
        """A new journal of this phone, with nothing in it and no cursor."""
        return Journal(self)


@dataclass
class Journal:
    """A journal and where the phone is in its feeds; `numbered` is the last number given out."""

    device: Device
    id: str = field(default_factory=lambda: str(uuid4()))
    numbered: int = 0
    acknowledged: int = 0
    cursor: str | None = None

    def mutation(
        self,
        kind: str,
        record: str,
        fields: Body,
        *,
        base: int | None = None,
        epoch: str | None = None,
        **over: object,
    ) -> Body:
        """The next mutation of this journal; `over` replaces members."""
        self.numbered += 1
        message: Body = {
            "mutation_id": new_id(),
            "number": self.numbered,
            "schema": 1,
            "type": kind,
            "record": record,
            "base": base,
            "epoch": epoch,
            "fields": fields,
            "occurred_at": now(),
        }
        return message | over

    def request(self, mutations: Sequence[object] = (), *, limit: int = PAGE, **over: object) -> Body:
        """The document of an exchange; `over` replaces members."""
        document: Body = {
            "protocol": PROTOCOL,
            "journal": self.id,
            "acknowledged": self.acknowledged,
            "device_now": now(),
            "cursor": self.cursor,
            "limit": limit,
            "mutations": list(mutations),
        }
        return document | over

    def ask(self, mutations: Sequence[object] = (), **over: Any) -> Answer:
        """One exchange, whatever comes; the phone remembers nothing of it."""
        return self.device.post("/sync/exchange", self.request(mutations, **over))

    def exchange(self, mutations: Sequence[object] = (), **over: Any) -> Answer:
        """One exchange that has to be answered with 200; the phone takes outcomes and cursor."""
        answer = understood(self.ask(mutations, **over))
        self.acknowledged = int(answer.body["expected_number"]) - 1
        self.cursor = answer.body["cursor"]
        return answer

    def push(self, *mutations: object, **over: Any) -> list[Body]:
        """Send mutations without pulling; their outcomes."""
        return self.exchange(mutations, limit=0, **over).outcomes

    def pull(self, *, limit: int = PAGE) -> Pull:
        """Everything from the cursor on, page by page."""
        pages: list[Answer] = []
        while len(pages) < MOST_PAGES:
            pages.append(self.exchange(limit=limit))
            if not pages[-1].body["more"]:
                return Pull(tuple(pages))
        raise Broken(f"`more` is still true after {MOST_PAGES} pages")


@dataclass(frozen=True)
class Pull:
    """The pages of one pull, the last one with `more` false."""

    pages: tuple[Answer, ...]

    @property
    def changes(self) -> list[Body]:
        """The changes of all pages, in their order."""
        return [change for page in self.pages for change in page.changes]

    @property
    def records(self) -> dict[tuple[str, str], Body]:
        """What a phone that began from nothing holds afterwards: the last put of each record."""
        return applied({}, self.changes)

    @property
    def digest(self) -> tuple[int, int]:
        """Count and sum of hashes over all feeds, as the last page tells them."""
        return total_of(self.pages[-1].body.get("digest"))

    def bodies(self, collection: str) -> list[Body]:
        """The bodies of one collection."""
        return [put["body"] for (name, _), put in self.records.items() if name == collection]


def understood(answer: Answer) -> Answer:
    """The answer, which has to be 200 with the members of an exchange; raises Broken."""
    if answer.status != 200:
        raise Broken(f"{answer} {answer.body.get('detail', '')}".strip())
    missing = {"expected_number", "outcomes", "changes", "cursor", "more", "directives"} - set(answer.body)
    if missing:
        raise Broken(f"an answer without {', '.join(sorted(missing))}")
    return answer


def applied(held: Mapping[tuple[str, str], Body], changes: Sequence[Body]) -> dict[tuple[str, str], Body]:
    """What a phone holds once it has applied these changes."""
    records = dict(held)
    for change in changes:
        key = (change["collection"], change["id"])
        if change["op"] == "put":
            records[key] = change
        else:
            records.pop(key, None)
    return records


def summed(records: Mapping[tuple[str, str], Body]) -> tuple[int, int]:
    """Count and sum of the hashes of what a phone holds."""
    return len(records), sum(int(put["hash"], 16) for put in records.values()) % HASH_SPACE


def total_of(digest: object) -> tuple[int, int]:
    """Count and sum over all feeds of a digest; raises Broken when it is none."""
    if not isinstance(digest, dict):
        raise Broken("the last page has no digest")
    count = sum(int(feed["count"]) for feed in digest.values())
    return count, sum(int(feed["hash"], 16) for feed in digest.values()) % HASH_SPACE
