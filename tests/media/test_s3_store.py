"""The S3 store on OpenStack Swift: the contract, and what only a store elsewhere can get wrong."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from media import s3_bucket
from media.errors import StorageUnavailable, UploadMissing
from media.s3 import INCOMING, S3Store
from media.s3_lifecycle import has_lifecycle, set_lifecycle
from media.uploads import begin_upload, confirm_upload
from tests.faults.proxy import BLACK_HOLE, FaultProxy
from tests.media.doors import S3Door
from tests.media.files import JPEG, LONG, declared, hashes_of, in_pieces
from tests.media.object_store_contract import ObjectStoreContract
from tests.swift.servers import Swift


@pytest.fixture
def store(swift: Swift) -> S3Store:
    return S3Store(swift.address(swift.new_bucket()))


@pytest.fixture(scope="module")
def door() -> Iterator[S3Door]:
    made = S3Door()
    yield made
    made.client.close()


class TestS3Store(ObjectStoreContract):
    """The contract on S3."""


def signed_headers(url: str) -> set[str]:
    return set(parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";"))


def test_length_type_and_checksum_are_signed_and_not_merely_told(store: S3Store, door: S3Door) -> None:
    ticket = begin_upload(store, declared(JPEG), now=door.now())
    assert signed_headers(str(ticket.url)) == {
        "host",
        "content-length",
        "content-type",
        "x-amz-checksum-sha256",
    }
    assert "x-amz-checksum-sha256=" not in str(ticket.url).lower()  # in the query S3 ignores it
    parts = begin_upload(store, declared(LONG), hashes_of(LONG), now=door.now()).parts
    assert parts is not None
    for part in parts:
        assert signed_headers(str(part.url)) == {"host", "content-length", "x-amz-checksum-sha256"}


def test_another_signature_is_refused(store: S3Store, door: S3Door) -> None:
    ticket = begin_upload(store, declared(JPEG), now=door.now())
    forged = str(ticket.url)[:-1] + ("0" if str(ticket.url)[-1] != "0" else "1")
    assert not door.put(ticket, JPEG, url=forged).accepted
    longer = str(ticket.url).replace("X-Amz-Expires=600", "X-Amz-Expires=6000")
    assert not door.put(ticket, JPEG, url=longer).accepted


def test_what_was_swapped_after_it_was_read_back_is_not_taken(
    store: S3Store, door: S3Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that ignores checksums could let another body in between; the copy names what was read."""
    door.put(begin_upload(store, declared(JPEG), now=door.now()), JPEG)
    (staged,) = (item["Key"] for item in store.bucket.listed(INCOMING))
    read_back = store._read_back

    def swapped(truth):
        etag = read_back(truth)
        store.bucket.client.put_object(Bucket=store.bucket.name, Key=staged, Body=b"something else")
        return etag

    monkeypatch.setattr(store, "_read_back", swapped)
    with pytest.raises(UploadMissing):
        confirm_upload(store, declared(JPEG))
    assert list(store.keys()) == []


def test_a_store_that_takes_anything_is_read_back(store: S3Store, door: S3Door) -> None:
    door.put(begin_upload(store, declared(JPEG), now=door.now()), JPEG)
    (staged,) = (item["Key"] for item in store.bucket.listed(INCOMING))
    store.bucket.client.put_object(Bucket=store.bucket.name, Key=staged, Body=JPEG[:-1] + b"?")
    with pytest.raises(Exception, match="not those"):
        confirm_upload(store, declared(JPEG))
    assert list(store.keys()) == []
    assert list(store.bucket.listed(INCOMING)) == []


def test_an_object_is_downloaded_from_the_store_itself_as_a_file(store: S3Store) -> None:
    stored = store.put_stream(declared(JPEG), in_pieces(JPEG))
    url = store.presign_get(stored.key, name="before-1.jpg", content_type="image/jpeg")
    answer = httpx.get(url)
    assert answer.content == JPEG
    assert answer.headers["Content-Disposition"] == 'attachment; filename="before-1.jpg"'
    assert httpx.get(url.partition("?")[0]).is_client_error


def test_a_store_without_lifecycle_rules_is_told_apart(store: S3Store) -> None:
    assert not set_lifecycle(store)
    assert not has_lifecycle(store)


@pytest.mark.parametrize("key", ["../../etc/passwd", "incoming/ab/cd", "sha256/00/" + "a" * 64, ""])
def test_a_key_cannot_name_anything_but_an_object(store: S3Store, key: str) -> None:
    for ask in (store.head, store.delete, lambda name: store.open(name).__enter__()):
        with pytest.raises(ValueError, match="not an object key"):
            ask(key)


def test_a_wrong_password_and_a_missing_bucket_are_states_and_no_crash(swift: Swift) -> None:
    address = swift.address("nobodys-bucket")
    with pytest.raises(StorageUnavailable, match="404"):
        S3Store(address).reach()
    with pytest.raises(StorageUnavailable):
        confirm_upload(S3Store(address), declared(JPEG))


def test_a_store_that_hangs_holds_up_few_and_not_for_long(
    swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_bucket, "READ_SECONDS", 0.6)
    with FaultProxy(swift.port) as proxy:
        proxy.otherwise = lambda: BLACK_HOLE
        store = S3Store(swift.address(swift.new_bucket(), port=proxy.port))
        took: list[float] = []

        def ask(_: int) -> None:
            began = time.monotonic()
            with pytest.raises(StorageUnavailable):
                store.head(declared(JPEG).key)
            took.append(time.monotonic() - began)

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(ask, range(20)))
        assert proxy.connections <= 2 * s3_bucket.CALLS_AT_ONCE
        assert len([seconds for seconds in took if seconds > 1]) <= s3_bucket.CALLS_AT_ONCE
        took.clear()
        ask(0)  # a moment later it is not even asked
        assert took[0] < 0.1
        monkeypatch.setattr(s3_bucket, "COOLING_SECONDS", 0.0)
        store.bucket._asked_again_at = 0.0
        proxy.heal()
        assert store.head(declared(JPEG).key) is None


def test_the_rule_of_a_store_that_knows_rules_stands_beside_those_of_others(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules: list[dict[str, object]] = [{"ID": "theirs", "Status": "Enabled"}]

    def put(**request: object) -> None:
        rules[:] = request["LifecycleConfiguration"]["Rules"]  # type: ignore[index]

    client = store.bucket.client
    monkeypatch.setattr(client, "get_bucket_lifecycle_configuration", lambda **_: {"Rules": rules})
    monkeypatch.setattr(client, "put_bucket_lifecycle_configuration", put)
    for _ in range(2):
        assert set_lifecycle(store)
        assert [rule["ID"] for rule in rules] == ["theirs", "doorstep-abandoned-uploads"]
    assert rules[1]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rules[1]["Filter"] == {"Prefix": INCOMING}
