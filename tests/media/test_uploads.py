"""The upload contract of the disk store: signed addresses, refusals, repeats."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.disk import DiskStore
from media.errors import (
    ContentHashDiffers,
    ContentLengthDiffers,
    ContentTypeDiffers,
    UploadLinkExpired,
    UploadLinkInvalid,
    UploadRefused,
    UploadTooLarge,
)
from media.objects import LARGEST_OBJECT, DeclaredObject
from media.signing import UploadSigner
from media.sniffing import SNIFFED_BYTES, sniff
from media.uploads import begin_upload, confirm_upload, receive_upload
from tests.media.doors import PATH, parts_of
from tests.media.files import FILES, JPEG, PNG, declared
from tests.media.object_store_contract import NOW


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "media", UploadSigner(b"s" * 32, PATH))


def test_following_the_ticket_stores_the_bytes(store: DiskStore) -> None:
    key, query, headers = parts_of(begin_upload(store, declared(JPEG), now=NOW))
    receive_upload(store, key, query, headers, io.BytesIO(JPEG), now=NOW)
    assert store.head(key) is None
    assert confirm_upload(store, declared(JPEG)) == store.head(key)


@pytest.mark.parametrize("name", ["size", "type", "part", "hash", "expires", "signature"])
def test_an_altered_address_is_refused(store: DiskStore, name: str) -> None:
    key, query, headers = parts_of(begin_upload(store, declared(JPEG), now=NOW))
    altered = {
        "size": "10258",
        "type": "image/png",
        "part": "2",
        "hash": "ab" * 32,
        "expires": str(2**34),
        "signature": "0" * 64,
    }[name]
    with pytest.raises(UploadLinkInvalid):
        receive_upload(store, key, query | {name: altered}, headers, io.BytesIO(JPEG), now=NOW)
    del query[name]
    with pytest.raises(UploadLinkInvalid):
        receive_upload(store, key, query, headers, io.BytesIO(JPEG), now=NOW)
    assert store.head(key) is None


def test_an_address_cannot_be_replayed_to_another_key(store: DiskStore) -> None:
    _, query, headers = parts_of(begin_upload(store, declared(JPEG), now=NOW))
    with pytest.raises(UploadLinkInvalid):
        receive_upload(store, declared(PNG).key, query, headers, io.BytesIO(PNG), now=NOW)


def test_an_address_of_another_server_is_refused(store: DiskStore, tmp_path: Path) -> None:
    other = DiskStore(tmp_path / "other", UploadSigner(b"t" * 32, PATH))
    key, query, headers = parts_of(begin_upload(other, declared(JPEG), now=NOW))
    with pytest.raises(UploadLinkInvalid):
        receive_upload(store, key, query, headers, io.BytesIO(JPEG), now=NOW)


def test_an_address_ends_after_ten_minutes(store: DiskStore) -> None:
    key, query, headers = parts_of(begin_upload(store, declared(JPEG), now=NOW))
    later = NOW + timedelta(minutes=10, seconds=1)
    with pytest.raises(UploadLinkExpired):
        receive_upload(store, key, query, headers, io.BytesIO(JPEG), now=later)
    receive_upload(store, key, query, headers, io.BytesIO(JPEG), now=NOW + timedelta(minutes=9))


@pytest.mark.parametrize(
    ("header", "value", "problem"),
    [
        ("Content-Length", "1", ContentLengthDiffers),
        ("Content-Length", "9" * 5000, ContentLengthDiffers),
        ("Content-Type", "image/png", ContentTypeDiffers),
        ("Content-Type", "", ContentTypeDiffers),
        ("x-amz-checksum-sha256", "AAAA", ContentHashDiffers),
        ("x-amz-checksum-sha256", "é", ContentHashDiffers),
    ],
)
def test_wrong_headers_are_refused_before_the_first_byte(
    store: DiskStore, header: str, value: str, problem: type[Exception]
) -> None:
    class NeverRead(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("the body was read")

    key, query, headers = parts_of(begin_upload(store, declared(JPEG), now=NOW))
    with pytest.raises(problem):
        receive_upload(store, key, query, headers | {header: value}, NeverRead(), now=NOW)


def test_a_body_without_end_is_cut_at_the_declared_length(store: DiskStore) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"\xff\xd8\xff" + bytes(size - 3)

    endless = Endless()
    key, query, headers = parts_of(begin_upload(store, declared(JPEG), now=NOW))
    with pytest.raises(ContentLengthDiffers):
        receive_upload(store, key, query, headers, endless, now=NOW)
    assert endless.given < 2**18


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"sha256": "A" * 64}, UploadRefused),
        ({"sha256": "a" * 63}, UploadRefused),
        ({"sha256": "a" * 64 + "\n"}, UploadRefused),
        ({"size": 0}, UploadRefused),
        ({"size": LARGEST_OBJECT + 1}, UploadTooLarge),
        ({"content_type": "image/svg+xml"}, UploadRefused),
        ({"content_type": "text/html"}, UploadRefused),
    ],
)
def test_what_could_never_be_accepted_is_refused_at_its_declaration(
    fields: dict[str, object], problem: type[Exception]
) -> None:
    truth: dict[str, object] = {"sha256": "a" * 64, "size": 1, "content_type": "image/jpeg"}
    with pytest.raises(problem):
        DeclaredObject(**(truth | fields))  # type: ignore[arg-type]


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        UploadSigner(b"s" * 31, PATH)


@pytest.mark.parametrize("content_type", sorted(FILES))
def test_every_type_is_known_by_its_first_bytes(content_type: str) -> None:
    assert sniff(FILES[content_type][:SNIFFED_BYTES]) == content_type


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns=",
        b"<!doctype html>",
        b"MZ\x90\x00",
        b"PK\x03\x04",
        b"\x00\x00\x00\x18ftypisom",
    ],
)
def test_what_we_do_not_take_has_no_type(head: bytes) -> None:
    assert sniff(head) is None


@given(st.binary(max_size=SNIFFED_BYTES))
def test_no_bytes_make_sniffing_fail(head: bytes) -> None:
    assert sniff(head) in {None, *FILES}


@given(st.dictionaries(st.sampled_from(["size", "type", "expires", "signature"]), st.text(max_size=80)))
def test_no_query_makes_an_address_valid_or_the_server_stumble(query: dict[str, str]) -> None:
    with pytest.raises(UploadLinkInvalid):
        UploadSigner(b"s" * 32, PATH).read(declared(JPEG).key, query, now=NOW)
