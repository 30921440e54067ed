"""Asks the company's server about a file that somebody holds: only its hash travels."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

PATIENCE = 20.0  # seconds
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ServerUnasked(Exception):
    """The server could not be asked; the message says why."""


class Server:
    """A server of ours at an address. Raises ServerUnasked for one whose word would prove nothing."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ServerUnasked(f"{address!r} is not an https address: anybody between could answer for it.")
        self._address = address.rstrip("/")

    def certificates(self) -> bytes:
        """The certificates of the company's seals, as PEM."""
        answer = self._get("/seal-certificates")
        if answer.status_code != httpx.codes.OK:
            raise ServerUnasked(f"{self._address} does not answer as a server of ours.")
        return answer.content

    def known(self, sha256: str) -> list[tuple[bool, str]]:
        """What the server knows of the document with that hash: (whether that is well, the words)."""
        answer = self._get(f"/seals/{sha256}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return [(False, "No sealed document has the SHA-256 of this file.")]
        try:
            sealing = answer.raise_for_status().json()
            said = [f"Document {sealing['number']}, sealed at {sealing['sealed_at']}"]
            if sealing["standing"] != "current":
                said.append("Superseded: something was added later; ask the company for the addendum.")
            if sealing["timestamp"] == "pending":
                said.append("Its timestamp is still to come.")
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ServerUnasked(f"{self._address} does not answer as a server of ours.") from error
        return [(True, words) for words in said]

    def _get(self, path: str) -> httpx.Response:
        try:
            return httpx.get(self._address + path, timeout=PATIENCE)
        except httpx.HTTPError as error:
            raise ServerUnasked(f"{self._address} cannot be reached: {type(error).__name__}.") from error
