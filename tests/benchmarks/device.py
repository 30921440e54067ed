"""A device reduced to its requests, so that the server is what is measured."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
from uuid_utils.compat import uuid7

Body = dict[str, Any]


class Device:
    """An enrolled device that keeps a journal number and a cursor, and nothing else."""

    def __init__(self, url: str, code: str) -> None:
        enrolled = httpx.post(
            f"{url}/devices/enrol", json={"code": code, "device_name": "bench", "platform": "bench"}
        ).json()
        self._token = enrolled["access_token"]
        self.connect(url)
        self._journal = str(uuid7())
        self._number = 0
        self.cursor: str | None = None

    def connect(self, url: str) -> None:
        """Talk over a connection of its own from now on."""
        headers = {"Authorization": f"Bearer {self._token}"}
        self._client = httpx.Client(base_url=url, timeout=120, headers=headers)

    def exchange(self, mutations: list[Body] | None = None, *, limit: int = 5000) -> Body:
        """One round trip; raises for anything but 200."""
        message = {
            "protocol": 1,
            "journal": self._journal,
            "acknowledged": self._number - len(mutations or ()),
            "device_now": None,
            "cursor": self.cursor,
            "limit": limit,
            "mutations": mutations or [],
        }
        response = self._client.post(
            "/sync/exchange", content=orjson.dumps(message), headers={"Content-Type": "application/json"}
        )
        response.raise_for_status()
        answer: Body = orjson.loads(response.content)
        return answer

    def pull_everything(self) -> list[Body]:
        """All changes from the cursor on."""
        changes: list[Body] = []
        while True:
            answer = self.exchange()
            changes += answer["changes"]
            self.cursor = answer["cursor"]
            if not answer["more"]:
                return changes

    def note(self, visit_id: str, text: str) -> Body:
        """The next mutation of the journal: a note."""
        self._number += 1
        return {
            "mutation_id": str(uuid7()),
            "number": self._number,
            "schema": 1,
            "type": "visit_note.add",
            "record": str(uuid7()),
            "base": None,
            "fields": {"visit_id": visit_id, "text": text},
            "occurred_at": "2026-03-02T08:00:00Z",
        }

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
