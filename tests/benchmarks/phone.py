"""A phone reduced to its requests and its place, so that the server is what is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from uuid_utils.compat import uuid7

from tests.benchmarks.load import Reply, Script, http

Body = dict[str, Any]
NOTE_CHARACTERS = 400
"""The text of a note that makes its mutation as long as a document: about 650 bytes."""
MOST_CHANGES = 10_000


class Refused(RuntimeError):
    """The server did not answer 200: a figure of refusals would mean nothing."""


@dataclass
class Phone:
    """An enrolled phone: a token, a journal, a cursor."""

    token: str
    visit_id: str
    technician_id: str
    journal: str = field(default_factory=lambda: str(uuid7()))
    number: int = 0
    cursor: str | None = None
    seconds: float = 0.0
    """What its pulls took, from the first byte of each request to the last byte of its answer."""

    def exchange(self, mutations: list[Body] | None = None, *, limit: int = MOST_CHANGES) -> bytes:
        """The request of one exchange."""
        message = {
            "protocol": 1,
            "journal": self.journal,
            "acknowledged": self.number - len(mutations or ()),
            "device_now": None,
            "cursor": self.cursor,
            "limit": limit,
            "mutations": mutations or [],
        }
        return http("POST", "/sync/exchange", f"Bearer {self.token}", orjson.dumps(message))

    def notes(self, count: int) -> list[Body]:
        """The next mutations of the journal: notes about the phone's visit."""
        return [self._note() for _ in range(count)]

    def pull(self) -> Script:
        """Exchanges until everything is here."""
        while True:
            reply = yield self.exchange()
            answer = tail_of(read(reply))
            self.seconds += reply.seconds if reply else 0.0
            self.cursor = answer["cursor"]
            if not answer["more"]:
                return

    def _note(self) -> Body:
        self.number += 1
        text = f"{self.number:06} {'said at the door ' * 24}"
        return {
            "mutation_id": str(uuid7()),
            "number": self.number,
            "schema": 1,
            "type": "visit_note.add",
            "record": str(uuid7()),
            "base": None,
            "fields": {"visit_id": self.visit_id, "text": text[:NOTE_CHARACTERS]},
            "occurred_at": "2026-11-02T08:00:00Z",
        }


def read(reply: Reply | None) -> bytes:
    """The body of an answer that is one; raises Refused."""
    assert reply is not None
    if reply.status not in (200, 201):
        raise Refused(f"{reply.status}: {reply.body[:500]!r}")
    return reply.body


def tail_of(body: bytes) -> Body:
    """What follows the changes in an answer: cursor, more, digest. The changes are not parsed."""
    answer: Body = orjson.loads(b"{" + body[body.rindex(b'],"cursor":') + 2 :])
    return answer
