"""The people in the office, as their own client of the API: signed in, paging, and loud when refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

from mobile_client_stub.transport import certificates

Body = dict[str, Any]


class OfficeRefused(AssertionError):
    """The server refused something that the story needs; the problem says why."""

    def __init__(self, method: str, path: str, response: httpx.Response) -> None:
        self.status = response.status_code
        self.problem: Body = response.json() if "json" in response.headers.get("content-type", "") else {}
        super().__init__(f"{method} {path} → {response.status_code} {response.text[:600]}")


class Office:
    """One signed-in person of the office."""

    def __init__(
        self, url: str, email: str, password: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = httpx.Client(base_url=url, timeout=60, transport=transport, verify=certificates())
        self._credentials = {"email": email, "password": password}
        self._tokens: Body = {}
        self.sign_in()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def sign_in(self) -> None:
        """Get tokens for the password."""
        response = self._client.post("/sessions", json=self._credentials)
        if response.status_code != 200:
            raise OfficeRefused("POST", "/sessions", response)
        self._tokens = response.json()

    def get(self, path: str, **query: object) -> Any:
        """The answer to a GET."""
        return self._call("GET", path, params={name: str(value) for name, value in query.items()})

    def every(self, path: str, **query: object) -> Iterator[Body]:
        """All items of a paged list."""
        after: str | None = None
        while True:
            page = self.get(path, limit=200, **query, **({"after": after} if after else {}))
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def post(self, path: str, **fields: object) -> Any:
        """Do something; creating routes get an idempotency key."""
        return self._call("POST", path, json=fields, headers={"Idempotency-Key": str(uuid4())})

    def edit(self, path: str, **changes: object) -> Any:
        """Read a record and change some of its fields."""
        revision = self.get(path)["revision"]
        return self._call("PATCH", path, json=changes, headers={"If-Match": f'"{revision}"'})

    def decide(self, entry_id: object, verb: str, **fields: object) -> Any:
        """Decide on an entry of the field inbox as it is now."""
        path = f"/sync/inbox/{entry_id}"
        revision = self.get(path)["revision"]
        return self._call("POST", f"{path}/{verb}", json=fields, headers={"If-Match": f'"{revision}"'})

    def download(self, path: str) -> bytes:
        """The bytes of a file."""
        response = self._send("GET", path, {})
        if not response.is_success:
            raise OfficeRefused("GET", path, response)
        return response.content

    def upload(self, path: str, content: bytes) -> Any:
        """Send a file as the body."""
        return self._call("POST", path, content=content)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        response = self._send(method, path, options)
        if response.status_code == 401:
            self.sign_in()
            response = self._send(method, path, options)
        if not response.is_success:
            raise OfficeRefused(method, path, response)
        return response.json() if response.content else None

    def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._tokens['access_token']}", **options.get("headers", {})}
        return self._client.request(method, path, **{**options, "headers": headers})
