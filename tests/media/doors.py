"""How devices reach the two stores: through the routes of this application, or the store's own HTTP."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import httpx

from media.disk import DiskStore
from media.uploads import PartTicket, UploadTicket, receive_upload
from schemas.errors import DomainError
from tests.media.object_store_contract import NOW, Answer

PATH = "/media/objects"


def parts_of(ticket: UploadTicket | PartTicket) -> tuple[str, dict[str, str], dict[str, str]]:
    """The key, query and headers that a device sends when it follows the ticket."""
    address = urlsplit(str(ticket.url))
    return address.path.removeprefix(PATH + "/"), dict(parse_qsl(address.query)), dict(ticket.headers or {})


class _Parts:
    """What both doors do alike."""

    def put(
        self,
        ticket: UploadTicket | PartTicket,
        content: bytes,
        *,
        url: str | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        sent = {**(ticket.headers or {}), "Content-Length": str(len(content)), **(headers or {})}
        told = {name: value for name, value in sent.items() if value is not None}
        return self.send(url or str(ticket.url), told, content)

    def put_part(self, ticket: PartTicket, content: bytes, *, whole: bool = True) -> Answer:
        return self.put(ticket, content[ticket.offset : ticket.offset + ticket.size] if whole else content)

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        raise NotImplementedError


class DiskDoor(_Parts):
    """Puts as the route does."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store

    def now(self) -> datetime:
        return NOW

    @contextmanager
    def eleven_minutes_ago(self) -> Iterator[datetime]:
        yield NOW - timedelta(minutes=11)

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        address = urlsplit(url)
        key, query = address.path.removeprefix(PATH + "/"), dict(parse_qsl(address.query))
        try:
            receive_upload(self.store, key, query, headers, io.BytesIO(content), now=NOW)
        except DomainError as error:
            return Answer(False, f"{error.title} {error.detail}")
        return Answer(True, "")


class S3Door(_Parts):
    """Puts by HTTP, as a phone does."""

    def __init__(self) -> None:
        self.client = httpx.Client(timeout=30)

    def now(self) -> datetime:
        return datetime.now(UTC)

    @contextmanager
    def eleven_minutes_ago(self) -> Iterator[datetime]:
        then = datetime.now(UTC) - timedelta(minutes=11)
        with mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None)):
            yield then

    def send(self, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        answer = self.client.put(url, headers=headers, content=content)
        return Answer(answer.is_success, answer.text)
