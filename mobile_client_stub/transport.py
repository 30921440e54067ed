"""HTTP as a phone on the road needs it: tokens that renew themselves, and patience with bad networks."""

import gzip
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import httpx

from mobile_client_stub.device_key import proof_of
from mobile_client_stub.store import Account, Store
from mobile_client_stub.words import Body, PhoneError, text_of

TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds
LONGEST_WAIT = 60.0  # seconds: what the server asks for beyond this is left to the next sync
SMALLEST_ZIPPED = 1024  # bytes
PIECE = 64 * 2**10  # bytes of a file read at once
TIMEOUT = httpx.Timeout(30.0, connect=10.0)

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NETWORK = (httpx.RequestError, httpx.InvalidURL)
"""What a network does: breaks off, says what cannot be read, sends in circles or to nowhere."""
_GRANTED, _NOT_GRANTED = 200, 401  # what the server says when it is asked for new tokens
_UNREADABLE = 600  # stands for a reply that could not be read: the same as none


@cache
def certificates() -> ssl.SSLContext:
    """Whom to trust, read once: it takes longer than most requests."""
    return httpx.create_ssl_context()


class NoConnection(PhoneError):
    """The server could not be reached, or not in a way that helps; everything is kept.

    `answered`: somebody was there at the last try, and could not do it.
    """

    answered = False


class SignedOut(PhoneError):
    """The server does not know this phone's tokens any more; everything is kept."""


class Refused(PhoneError):
    """The server understood and said no; `code` is the end of the problem's type."""

    def __init__(self, status: int, problem: Body) -> None:
        """Keep the problem, speak its detail."""
        self.status = status
        self.problem = problem
        self.code = text_of(problem, "type").rpartition(":")[2]
        super().__init__(
            text_of(problem, "detail") or text_of(problem, "title") or f"The server said {status}."
        )


class _Renewed(Exception):
    """Another thread or process of this phone has renewed the tokens meanwhile."""


@dataclass(frozen=True)
class Reply:
    """What the server said: a status and, mostly, a JSON object."""

    status: int
    body: Body
    retry_after: float | None = None


class Server:
    """The server as this phone knows it."""

    def __init__(
        self,
        store: Store,
        client: httpx.Client,
        *,
        sleep: Callable[[float], None] = time.sleep,
        dice: random.Random | None = None,
    ) -> None:
        """`dice` decides how long to pause between tries."""
        self._store = store
        self._client = client
        self._sleep = sleep
        self._dice = dice or random.Random()  # noqa: S311 - spreads retries, guards nothing

    def call(self, method: str, path: str, body: Body | None = None) -> Body:
        """Make a signed-in request. Raises NoConnection, SignedOut or Refused."""
        account = self._account()
        reply = self._try(method, path, body, account.access_token)
        if reply.status == 401:
            reply = self._try(method, path, body, self._renewed(account))
        if reply.status == 401:
            self._sign_out("The server does not accept this phone's sign-in.")
        return _body_of(reply)

    def ask_once(self, path: str) -> Body | None:
        """What the server says to a question of no consequence; None when it says nothing useful at once."""
        account = self._account()
        headers = {"Authorization": f"Bearer {account.access_token}"}
        try:
            reply = read_reply(self._client.get(account.server + path, headers=headers))
        except _NETWORK:
            return None
        return reply.body if reply.status == 200 else None

    def put_file(
        self, url: str, headers: Mapping[str, str], path: Path, span: tuple[int, int] | None = None
    ) -> None:
        """Put a file's bytes where the server said, with its headers. Raises NoConnection or Refused.

        `span`: where the bytes of a part begin, and how many they are.

        The address carries its own right; no token travels with it, for it may lead to another host.
        """
        target = urljoin(self._account().server + "/", url)
        if urlsplit(target).scheme not in {"http", "https"}:
            raise Refused(0, {"detail": "The server gave an upload address that is no HTTP address."})

        def build() -> httpx.Request:
            return self._client.build_request(
                "PUT", target, headers=dict(headers), content=_pieces_of(path, span)
            )

        try:
            _body_of(self._patiently(build))
        except NoConnection as error:
            if not error.answered:
                raise
            raise Refused(0, {"detail": str(error)}) from error  # of this file alone, for all we know

    def _try(self, method: str, path: str, body: Body | None, token: str | None) -> Reply:
        url = self._account().server + path
        content, headers = encoded(body)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self._patiently(
            lambda: self._client.build_request(method, url, headers=headers, content=content)
        )

    def _patiently(self, build: Callable[[], httpx.Request]) -> Reply:
        """Send, and send again while the trouble is the network's or the server's own.

        Everything we send is repeatable.
        """
        trouble, answered = "", False
        for attempt in range(TRIES):
            if attempt:
                self._sleep(self._dice.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)))
            try:
                reply = read_reply(self._client.send(build()))
            except _NETWORK as broken:
                trouble, answered = f"no connection ({type(broken).__name__})", False
                continue
            answered = True
            if reply.status not in _TRY_AGAIN and reply.status != _UNREADABLE:
                return reply
            trouble = text_of(reply.body, "detail").rstrip(".") or f"the server said {reply.status}"
            if reply.retry_after is not None:
                if reply.retry_after > LONGEST_WAIT:
                    break
                self._sleep(reply.retry_after)
        error = NoConnection(f"The server cannot be reached: {trouble}. Nothing is lost; sync again later.")
        error.answered = answered
        raise error

    def _renewed(self, used: Account) -> str | None:
        """A fresh access token.

        Nobody is locked out while the server is asked: a server that hangs would hold up the other process of
        this phone as well. Two that ask at once with the same refresh token get the same successor, as does
        one whose reply got lost; and what came for a token that was replaced meanwhile is not kept.
        """
        asked = used

        def build() -> httpx.Request:
            nonlocal asked
            asked = self._account()  # at every try: a token that was replaced a while ago looks stolen
            if asked.access_token != used.access_token:
                raise _Renewed
            return self._ask_to_refresh(asked)

        try:
            reply = self._patiently(build)
        except _Renewed:
            return asked.access_token
        access, refresh = (text_of(reply.body, f"{kind}_token") for kind in ("access", "refresh"))
        if reply.status == _GRANTED and access and refresh:
            self._keep_tokens(access, refresh, asked)
        elif reply.status != _NOT_GRANTED:
            # Of somebody in between: a portal, a proxy. The sign-in is as good as it was.
            raise NoConnection(
                f"The server cannot be reached: {reply.status} where new tokens were asked for."
                " Nothing is lost; sync again later."
            )
        elif self._account().refresh_token == asked.refresh_token:
            self._sign_out("The sign-in of this phone has ended.")
        return self._account().access_token

    def _ask_to_refresh(self, asked: Account) -> httpx.Request:
        if asked.refresh_token is None:
            self._sign_out("This phone has no sign-in.")
        ask: Body = {"refresh_token": asked.refresh_token}
        if asked.device_key is not None:
            ask["proof"] = proof_of(asked.device_key, asked.refresh_token)
        content, headers = encoded(ask)
        url = f"{asked.server}/sessions/refresh"
        return self._client.build_request("POST", url, headers=headers, content=content)

    def _keep_tokens(self, access: str, refresh: str, asked: Account) -> None:
        """Unless another thread or process was faster: then its tokens are as new as these, or newer."""
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE account SET access_token = ?, refresh_token = ?, signed_out = NULL"
                " WHERE refresh_token = ?",
                (access, refresh, asked.refresh_token),
            )

    def _sign_out(self, why: str) -> NoReturn:
        with self._store.transaction() as connection:
            connection.execute("UPDATE account SET signed_out = ?", (why,))
        raise SignedOut(f"{why} Everything is kept: ask the office for a code and run `enrol` again.")

    def _account(self) -> Account:
        account = self._store.account()
        if account is None:
            raise PhoneError(
                "This phone is not enrolled. Ask the office for a code and run `enrol CODE --server URL`."
            )
        return account


def enrol(client: httpx.Client, server: str, device: Body) -> Body:
    """Turn a one-time code into a device and its tokens. Only a request that never left is sent again.

    `device`: code, device_name, platform, public_key. Raises NoConnection or Refused.
    """
    content, headers = encoded(device)
    for _ in range(TRIES):
        try:
            response = client.post(f"{server}/devices/enrol", content=content, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
        except _NETWORK as error:
            raise NoConnection("The reply got lost on the way. Ask the office for a new code.") from error
        return _body_of(read_reply(response))
    raise NoConnection(f"There is no server at {server}. Check the address and the network.")


def encoded(body: Body | None) -> tuple[bytes | None, dict[str, str]]:
    """The body as JSON, zipped when that pays, with its headers."""
    if body is None:
        return None, {}
    content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    headers = {"Content-Type": "application/json"}
    if len(content) > SMALLEST_ZIPPED:
        content = gzip.compress(content, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return content, headers


def read_reply(response: httpx.Response) -> Reply:
    """The reply; one that is not the JSON object it claims to be counts as a broken connection."""
    retry_after = _seconds(response.headers.get("Retry-After"))
    if not response.content:
        return Reply(response.status_code, {}, retry_after)
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        body = None
    if isinstance(body, dict):
        return Reply(response.status_code, body, retry_after)
    if response.is_success:
        return Reply(_UNREADABLE, {"detail": "its answer was not readable"}, retry_after)
    return Reply(response.status_code, {}, retry_after)


def _body_of(reply: Reply) -> Body:
    if reply.status >= 300:
        raise Refused(reply.status, reply.body)
    return reply.body


def _seconds(header: str | None) -> float | None:
    """`Retry-After` in either of its forms, never below zero; None when it is missing or nonsense."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _pieces_of(path: Path, span: tuple[int, int] | None) -> Iterator[bytes]:
    offset, left = span or (0, path.stat().st_size)
    with path.open("rb") as file:
        file.seek(offset)
        while left > 0 and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
