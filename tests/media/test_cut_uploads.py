"""A hundred uploads cut at random bytes, on both stores: in the end every object is whole, and there once."""

import hashlib
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from media.disk import DiskStore
from media.errors import UploadMissing
from media.objects import PART, DeclaredObject, ObjectStore
from media.s3 import INCOMING, S3Store
from media.signing import UploadSigner
from media.uploads import PartTicket, UploadTicket, begin_upload, confirm_upload, receive_upload
from schemas.errors import DomainError
from tests.faults.proxy import FaultProxy, cut_reply, cut_request, reset
from tests.media.doors import PATH, S3Door
from tests.media.files import declared, hashes_of
from tests.media.object_store_contract import NOW
from tests.swift.servers import Swift

UPLOADS = 100
HEADERS = 900
"""About as many bytes go up before those of the file: a cut may come there, too."""

Send = Callable[[UploadTicket | PartTicket, bytes, int | None], None]


@dataclass
class Road:
    """A store, and the way to it: `send` cuts the connection after so many bytes, or not at all."""

    store: ObjectStore
    send: Send
    left_aside: Callable[[], int]
    cuts: list[int] = field(default_factory=list)


@pytest.fixture
def to_disk(tmp_path: Path) -> Road:
    store = DiskStore(tmp_path / "media", UploadSigner(b"s" * 32, PATH))

    def send(ticket: UploadTicket | PartTicket, content: bytes, cut_after: int | None) -> None:
        address = urlsplit(str(ticket.url))
        key = address.path.removeprefix(PATH + "/")
        body = io.BytesIO(content if cut_after is None else content[:cut_after])
        try:
            receive_upload(store, key, dict(parse_qsl(address.query)), ticket.headers or {}, body, now=NOW)
        except DomainError:
            assert cut_after is not None

    return Road(store, send, lambda: len(list((tmp_path / "media" / "incoming").iterdir())))


@pytest.fixture
def to_s3(swift: Swift) -> Iterator[Road]:
    bucket = swift.new_bucket()
    with FaultProxy(swift.port) as proxy, httpx.Client(timeout=20) as client:
        store = S3Store(swift.address(bucket))
        behind = S3Store(swift.address(bucket, port=proxy.port))
        # What is signed names the host: devices go through the bad network, the server does not.
        store.bucket._public = behind.bucket.client
        dice = random.Random(3)

        def send(ticket: UploadTicket | PartTicket, content: bytes, cut_after: int | None) -> None:
            if cut_after is not None:
                cuts = (cut_request, reset, lambda _: cut_reply(dice.randrange(200)))
                proxy.suffer(dice.choice(cuts)(cut_after + HEADERS * (cut_after > 0)))
            try:
                client.put(str(ticket.url), headers=dict(ticket.headers or {}), content=content)
            except httpx.TransportError:
                assert cut_after is not None

        def left_aside() -> int:
            return len([*store.bucket.listed(INCOMING), *store.bucket.uploads(INCOMING)])

        yield Road(store, send, left_aside)


def a_hundred_files(dice: random.Random) -> Sequence[bytes]:
    """Most are small, six go in parts, and some are there twice."""
    small = [b"\xff\xd8\xff\xe0" + dice.randbytes(dice.randrange(10, 60_000)) for _ in range(UPLOADS - 26)]
    long = [b"\xff\xd8\xff\xe0" + dice.randbytes(PART + dice.randrange(10, 60_000)) for _ in range(6)]
    files = [*small, *long, *dice.choices(small, k=20)]
    dice.shuffle(files)
    return files


def try_once(road: Road, content: bytes, dice: random.Random, now: object) -> bool:
    """What a phone does until something cuts it short; whether it has its receipt. It remembers nothing."""
    truth = declared(content)
    hashes = hashes_of(content) if truth.size > PART else ()
    ticket = begin_upload(road.store, truth, hashes, now=now, known=True)  # type: ignore[arg-type]
    waiting = [part for part in ticket.parts or () if not part.arrived] if ticket.parts else [ticket]
    for each in waiting if ticket.needed else ():
        start, size = (each.offset, each.size) if isinstance(each, PartTicket) else (0, len(content))
        cut_after = dice.randrange(size) if dice.random() < 0.5 else None
        road.send(each, content[start : start + size], cut_after)
        if cut_after is not None:
            road.cuts.append(cut_after)
            if dice.random() < 0.7:
                return False  # killed
    try:
        return confirm_upload(road.store, truth, known=True).sha256 == truth.sha256
    except UploadMissing:
        return False


@pytest.mark.parametrize("name", ["to_disk", "to_s3"])
def test_a_hundred_uploads_cut_at_random_bytes_leave_every_object_whole_and_once(
    name: str, request: pytest.FixtureRequest
) -> None:
    road: Road = request.getfixturevalue(name)
    dice = random.Random(20261122)
    now = NOW if name == "to_disk" else S3Door().now()
    waiting = list(a_hundred_files(dice))
    hashes = {declared(content).key for content in waiting}
    for turn in range(2_000):
        if not waiting:
            break
        content = waiting.pop(dice.randrange(len(waiting)))
        if not try_once(road, content, dice, now):
            waiting.append(content)
        if turn % 40 == 0:
            assert_whole(
                road.store, dice.sample(sorted(road.store.keys()), k=min(5, len(set(road.store.keys()))))
            )
    assert waiting == []
    assert len(road.cuts) > UPLOADS // 2
    listed = list(road.store.keys())
    assert len(listed) == len(set(listed))
    assert set(listed) == hashes
    assert_whole(road.store, listed)
    assert road.left_aside() == 0


def assert_whole(store: ObjectStore, keys: Sequence[str]) -> None:
    for key in keys:
        with store.open(key) as file:
            assert hashlib.sha256(file.read()).hexdigest() == key.rpartition("/")[2]


def test_half_a_declaration_is_none(to_disk: Road) -> None:
    """What was cut lies nowhere: the first byte and the last but one are alike."""
    content = b"\xff\xd8\xff\xe0" + bytes(3000)
    for cut_after in (0, 1, len(content) - 1):
        truth: DeclaredObject = declared(content)
        to_disk.send(begin_upload(to_disk.store, truth, now=NOW), content, cut_after)
        assert to_disk.left_aside() == 0
