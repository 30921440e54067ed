"""Ways out for text messages: a folder, or an SMS gateway over HTTP. Only the payments process has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from backend.outbox.rules import CarrierAway, PermanentFailure
from backend.outbox.transports import Outgoing, Transport, lay_down

PATIENCE_SECONDS = 10.0
"""For each step of the conversation; far shorter than the lease of an attempt."""
_ANSWER_READ = 4096
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_OURS_TO_PUT_RIGHT = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refusals that say nothing of this message: a wrong key, an empty account, too much at once."""


def sms_transport(url: str, folder: Path, *, sender: str, key: str | None) -> Transport:
    """The transport of kind "sms" for a setting: `folder:[/path]`, or the https address of a gateway.

    Raises ValueError for any other setting. A secret in the address would stand in logs: it has a setting.
    """
    parts = urlsplit(url)
    if parts.scheme == "folder":
        return TextFolder(Path(parts.path) if parts.path else folder, sender)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_safe or not parts.hostname or "@" in parts.netloc:
        raise ValueError("texts go to folder:[/path], or to https://host/path without a password in it")
    if not sender or not key or not (key.isascii() and key.isprintable()):
        raise ValueError("a gateway for texts needs a sender and a key in plain letters")
    return Gateway(url, sender, key)


@dataclass(frozen=True)
class TextFolder:
    """Lays each text down as `<id>.json` (mode 0600), for development and tests."""

    folder: Path
    sender: str

    def __call__(self, message: Outgoing) -> None:
        content = json.dumps(_form(message, self.sender), ensure_ascii=False, indent=1)
        lay_down(self.folder, f"{message.id}.json", content.encode())


@dataclass(frozen=True)
class Gateway:
    """Posts each text as a form of `To`, `From`, `Body`: what Twilio takes, and whoever speaks as it does.

    `key` is `user:password`, or a bearer token (without a colon). Redirects are not followed. What goes wrong
    is told by numbers alone: the gateway's own words may repeat the telephone number and the link.
    """

    url: str
    sender: str
    key: str = field(repr=False)
    timeout: float = PATIENCE_SECONDS

    def __call__(self, message: Outgoing) -> None:
        form = _form(message, self.sender)
        try:
            with (
                httpx.Client(timeout=self.timeout, auth=self._auth(), headers=self._headers()) as client,
                client.stream("POST", self.url, data=form) as answer,
            ):
                _judge(answer)
        except httpx.HTTPError as error:
            raise CarrierAway(f"the gateway cannot be reached ({type(error).__name__})") from None

    def _auth(self) -> tuple[str, str] | None:
        user, is_basic, password = self.key.partition(":")
        return (user, password) if is_basic else None

    def _headers(self) -> Mapping[str, str]:
        return {} if ":" in self.key else {"Authorization": f"Bearer {self.key}"}


def _form(message: Outgoing, sender: str) -> dict[str, str]:
    number, text = message.payload.get("to"), message.payload.get("text")
    if not isinstance(number, str) or not _E164.fullmatch(number) or not isinstance(text, str) or not text:
        raise PermanentFailure("this is not a text to a number of E.164")
    return {"To": number, "From": sender, "Body": text}


def _judge(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    said = f"the gateway answered {answer.status_code}{_code_in(answer)}"
    if answer.is_server_error or answer.status_code in _OURS_TO_PUT_RIGHT:
        raise CarrierAway(said)
    raise PermanentFailure(said)


def _code_in(answer: httpx.Response) -> str:
    """The gateway's own number for what is wrong, such as Twilio's 21614: this is no mobile number."""
    begin = next(answer.iter_bytes(_ANSWER_READ), b"")
    try:
        code = json.loads(begin)["code"]
    except (ValueError, TypeError, KeyError):
        return ""
    return f", code {code}" if isinstance(code, int) else ""
