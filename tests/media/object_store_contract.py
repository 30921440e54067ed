"""What every object store must do: subclass it, give `store` and `door`, and the contract runs against it."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from media.errors import (
    ContentHashDiffers,
    ContentLengthDiffers,
    ContentTypeDiffers,
    PartsUndeclared,
    UploadMissing,
)
from media.objects import PART, DeclaredObject, ObjectStore
from media.uploads import PartTicket, UploadTicket, begin_upload, confirm_upload
from tests.media.files import FILES, JPEG, LONG, PDF, PNG, declared, hashes_of, in_pieces

NOW = datetime(2025, 3, 1, 8, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What came of a PUT."""

    accepted: bool
    said: str


class Door(Protocol):
    """How a device puts bytes into the store under test, following a ticket or bending it."""

    def now(self) -> datetime:
        """The time by which addresses are signed."""
        ...

    def eleven_minutes_ago(self) -> AbstractContextManager[datetime]:
        """Within the block it is eleven minutes earlier."""
        ...

    def put(
        self,
        ticket: UploadTicket | PartTicket,
        content: bytes,
        *,
        url: str | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send the content; headers given stand in for those of the ticket, None leaves one out."""
        ...

    def put_part(self, ticket: PartTicket, content: bytes, *, whole: bool = True) -> Answer:
        """Send one part out of the whole content, or the content as it is."""
        ...


class ObjectStoreContract:
    """Sentences that hold for every store."""

    @pytest.mark.parametrize("content_type", sorted(FILES))
    def test_what_was_put_is_what_is_read(self, store: ObjectStore, content_type: str) -> None:
        content = FILES[content_type]
        stored = store.put_stream(declared(content, content_type), in_pieces(content))
        assert store.head(stored.key) == stored
        assert stored.size == len(content)
        with store.open(stored.key) as file:
            assert file.read() == content

    def test_an_object_that_was_never_put_is_not_there(self, store: ObjectStore) -> None:
        key = declared(JPEG).key
        assert store.head(key) is None
        with pytest.raises(UploadMissing), store.open(key):
            pass

    @pytest.mark.parametrize(
        ("sent", "problem"),
        [
            (JPEG[:-1], ContentLengthDiffers),
            (b"", ContentLengthDiffers),
            (JPEG + b"!", ContentLengthDiffers),
            (JPEG[:-1] + b"!", ContentHashDiffers),
        ],
        ids=["cut short", "nothing", "one byte more", "one byte other"],
    )
    def test_bytes_that_differ_from_their_declaration_leave_no_object(
        self, store: ObjectStore, sent: bytes, problem: type[Exception]
    ) -> None:
        with pytest.raises(problem):
            store.put_stream(declared(JPEG), in_pieces(sent))
        assert store.head(declared(JPEG).key) is None

    def test_a_file_that_is_not_what_it_claims_to_be_leaves_no_object(self, store: ObjectStore) -> None:
        with pytest.raises(ContentTypeDiffers):
            store.put_stream(declared(PNG, "image/jpeg"), in_pieces(PNG))
        assert store.head(declared(PNG).key) is None

    def test_a_stream_that_breaks_leaves_no_object(self, store: ObjectStore) -> None:
        def broken():
            yield JPEG[:5000]
            raise ConnectionError("the phone drove into a tunnel")

        with pytest.raises(ConnectionError):
            store.put_stream(declared(JPEG), broken())
        assert store.head(declared(JPEG).key) is None

    def test_putting_the_same_bytes_twice_is_one_object(self, store: ObjectStore) -> None:
        first = store.put_stream(declared(JPEG), in_pieces(JPEG))
        assert store.put_stream(declared(JPEG), in_pieces(JPEG)) == first

    def test_a_wrong_repeat_does_not_harm_the_object(self, store: ObjectStore) -> None:
        stored = store.put_stream(declared(JPEG), in_pieces(JPEG))
        with pytest.raises(ContentHashDiffers):
            store.put_stream(declared(JPEG), in_pieces(bytes(len(JPEG))))
        assert store.head(stored.key) == stored

    def test_deleting_is_safe_to_repeat(self, store: ObjectStore) -> None:
        stored = store.put_stream(declared(JPEG), in_pieces(JPEG))
        store.delete(stored.key)
        store.delete(stored.key)
        assert store.head(stored.key) is None

    def test_an_upload_is_signed_for_at_most_ten_minutes(self, store: ObjectStore, door: Door) -> None:
        now = door.now()
        ticket = begin_upload(store, declared(JPEG), now=now)
        assert ticket.needed
        assert ticket.method == "PUT"
        assert ticket.expires_at is not None
        assert now < ticket.expires_at <= now + timedelta(minutes=10, seconds=2)

    def test_the_checksum_is_among_what_the_device_must_send(self, store: ObjectStore, door: Door) -> None:
        headers = begin_upload(store, declared(JPEG), now=door.now()).headers
        assert headers is not None
        assert {name.lower() for name in headers} >= {
            "content-type",
            "content-length",
            "x-amz-checksum-sha256",
        }

    def test_bytes_that_are_there_need_not_be_sent_again_by_whoever_may_have_them(
        self, store: ObjectStore, door: Door
    ) -> None:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
        ticket = begin_upload(store, declared(JPEG), now=door.now(), known=True)
        assert not ticket.needed
        assert (ticket.url, ticket.parts) == (None, None)

    def test_who_knows_only_a_hash_gets_no_receipt_for_what_others_sent(
        self, store: ObjectStore, door: Door
    ) -> None:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
        ticket = begin_upload(store, declared(JPEG), now=door.now())
        assert ticket.needed
        with pytest.raises(UploadMissing):
            confirm_upload(store, declared(JPEG))
        assert door.put(ticket, JPEG).accepted
        assert confirm_upload(store, declared(JPEG)) == store.head(declared(JPEG).key)
        assert list(store.keys()) == [declared(JPEG).key]

    @pytest.mark.parametrize("content", [JPEG, LONG], ids=["short", "in parts"])
    def test_what_one_sends_is_completed_for_no_other_sender(
        self, store: ObjectStore, door: Door, content: bytes
    ) -> None:
        mine, yours = (replace(declared(content), sender=digit * 32) for digit in "ab")
        hashes = hashes_of(content) if content is LONG else []
        ticket = begin_upload(store, mine, hashes, now=door.now())
        if ticket.parts is None:
            assert door.put(ticket, content).accepted
        for part in ticket.parts or ():
            assert door.put_part(part, content).accepted
        others = begin_upload(store, yours, hashes, now=door.now())
        assert not any(part.arrived for part in others.parts or ())
        with pytest.raises(UploadMissing):
            confirm_upload(store, yours)
        assert confirm_upload(store, mine).key == declared(content).key
        assert list(store.keys()) == [declared(content).key]

    def test_there_is_no_receipt_before_the_bytes(self, store: ObjectStore) -> None:
        with pytest.raises(UploadMissing):
            confirm_upload(store, declared(JPEG))

    def test_the_receipt_names_the_stored_bytes(self, store: ObjectStore) -> None:
        stored = store.put_stream(declared(JPEG), in_pieces(JPEG))
        assert confirm_upload(store, declared(JPEG), known=True) == stored

    def test_a_receipt_is_refused_for_another_length(self, store: ObjectStore) -> None:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
        other = type(declared(JPEG))(declared(JPEG).sha256, len(JPEG) + 1, "image/jpeg")
        with pytest.raises(ContentLengthDiffers):
            confirm_upload(store, other, known=True)

    def test_a_receipt_is_refused_for_another_type(self, store: ObjectStore) -> None:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
        with pytest.raises(ContentTypeDiffers):
            confirm_upload(store, declared(JPEG, "image/png"), known=True)

    # --- what a device sends ------------------------------------------------------------------------------

    def test_what_a_device_sends_is_an_object_once_it_is_complete(
        self, store: ObjectStore, door: Door
    ) -> None:
        ticket = begin_upload(store, declared(JPEG), now=door.now())
        assert door.put(ticket, JPEG).accepted
        assert store.head(declared(JPEG).key) is None
        assert list(store.keys()) == []
        stored = confirm_upload(store, declared(JPEG))
        assert list(store.keys()) == [stored.key]
        assert confirm_upload(store, declared(JPEG), known=True) == stored == store.head(stored.key)
        assert not begin_upload(store, declared(JPEG), now=door.now(), known=True).needed

    def test_an_address_may_be_used_twice_to_the_same_effect(self, store: ObjectStore, door: Door) -> None:
        ticket = begin_upload(store, declared(JPEG), now=door.now())
        assert door.put(ticket, JPEG).accepted
        assert door.put(ticket, JPEG).accepted
        confirm_upload(store, declared(JPEG))
        assert door.put(ticket, JPEG).accepted  # replayed when all is over: it lies aside and is swept
        assert confirm_upload(store, declared(JPEG)) == store.head(declared(JPEG).key)

    @pytest.mark.parametrize(
        "sent",
        [JPEG[:-1], JPEG + b"!", JPEG[:-1] + b"!", b""],
        ids=["cut short", "one byte more", "one byte other", "nothing"],
    )
    def test_an_address_takes_no_other_bytes(self, store: ObjectStore, door: Door, sent: bytes) -> None:
        ticket = begin_upload(store, declared(JPEG), now=door.now())
        assert not door.put(ticket, sent).accepted
        with pytest.raises(UploadMissing):
            confirm_upload(store, declared(JPEG))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("Content-Type", "text/html"),
            ("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            ("x-amz-checksum-sha256", None),
        ],
        ids=["another type", "another checksum", "no checksum"],
    )
    def test_an_address_takes_no_other_headers(
        self, store: ObjectStore, door: Door, name: str, value: str | None
    ) -> None:
        ticket = begin_upload(store, declared(JPEG), now=door.now())
        assert not door.put(ticket, JPEG, headers={name: value}).accepted
        with pytest.raises(UploadMissing):
            confirm_upload(store, declared(JPEG))

    def test_an_address_leads_to_no_other_key(self, store: ObjectStore, door: Door) -> None:
        ticket = begin_upload(store, declared(JPEG), now=door.now())
        mine, other = declared(JPEG).sha256, declared(PNG).sha256
        address = str(ticket.url).replace(f"{mine[:2]}/{mine}", f"{other[:2]}/{other}")
        assert not door.put(ticket, JPEG, url=address).accepted
        assert not door.put(ticket, PNG, url=address).accepted
        with pytest.raises(UploadMissing):
            confirm_upload(store, declared(PNG, "image/png"))

    def test_an_address_ends_after_ten_minutes(self, store: ObjectStore, door: Door) -> None:
        with door.eleven_minutes_ago() as then:
            ticket = begin_upload(store, declared(JPEG), now=then)
        refused = door.put(ticket, JPEG)
        assert not refused.accepted
        assert "expired" in refused.said.lower()

    def test_a_file_that_is_not_what_it_claims_to_be_is_no_object(
        self, store: ObjectStore, door: Door
    ) -> None:
        page = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
        for content, content_type in ((page, "image/png"), (PNG, "image/jpeg"), (JPEG, "application/pdf")):
            lie = declared(content, content_type)
            assert door.put(begin_upload(store, lie, now=door.now()), content).accepted
            with pytest.raises(ContentTypeDiffers):
                confirm_upload(store, lie)
        assert list(store.keys()) == []

    # --- in parts -----------------------------------------------------------------------------------------

    def test_a_long_file_goes_in_parts_and_the_store_says_which_are_there(
        self, store: ObjectStore, door: Door
    ) -> None:
        long, hashes = declared(LONG), hashes_of(LONG)
        first = begin_upload(store, long, hashes, now=door.now())
        assert first.url is None
        assert first.parts is not None
        assert [(part.number, part.size, part.arrived) for part in first.parts] == [
            (1, PART, False),
            (2, PART, False),
            (3, len(LONG) - 2 * PART, False),
        ]
        for number in (3, 1):
            assert door.put_part(first.parts[number - 1], LONG).accepted
        with pytest.raises(UploadMissing) as missing:
            confirm_upload(store, long)
        assert missing.value.extensions == {"arrived": 2, "parts": 3}
        again = begin_upload(store, long, hashes, now=door.now())
        assert again.parts is not None
        assert [part.arrived for part in again.parts] == [True, False, True]
        assert door.put_part(again.parts[1], LONG).accepted
        assert list(store.keys()) == []
        stored = confirm_upload(store, long)
        with store.open(stored.key) as file:
            assert hashlib.sha256(file.read()).hexdigest() == long.sha256
        assert list(store.keys()) == [stored.key]

    def test_a_part_takes_no_other_bytes(self, store: ObjectStore, door: Door) -> None:
        ticket = begin_upload(store, declared(LONG), hashes_of(LONG), now=door.now())
        assert ticket.parts is not None
        last = ticket.parts[2]
        for sent in (LONG[: last.size], LONG[last.offset : -1], b""):
            assert not door.put_part(last, sent, whole=False).accepted
        again = begin_upload(store, declared(LONG), hashes_of(LONG), now=door.now())
        assert again.parts is not None
        assert not any(part.arrived for part in again.parts)

    def test_parts_that_are_not_the_declared_file_are_thrown_away(
        self, store: ObjectStore, door: Door
    ) -> None:
        other = LONG[:-1] + b"?"
        ticket = begin_upload(store, declared(LONG), hashes_of(other), now=door.now())
        assert ticket.parts is not None
        for part in ticket.parts:
            assert door.put_part(part, other).accepted
        with pytest.raises(ContentHashDiffers):
            confirm_upload(store, declared(LONG))
        again = begin_upload(store, declared(LONG), hashes_of(LONG), now=door.now())
        assert again.parts is not None
        assert not any(part.arrived for part in again.parts)

    def test_a_long_file_is_not_asked_for_without_the_hashes_of_its_parts(
        self, store: ObjectStore, door: Door
    ) -> None:
        for hashes in ([], hashes_of(LONG)[:2], [*hashes_of(LONG)[:2], "no hash"]):
            with pytest.raises(PartsUndeclared) as refusal:
                begin_upload(store, declared(LONG), hashes, now=door.now())
            assert refusal.value.extensions == {"part_size": PART, "parts": 3}

    # --- what nobody completes ----------------------------------------------------------------------------

    def test_what_nobody_completes_is_swept_when_it_is_old(self, store: ObjectStore, door: Door) -> None:
        kept = store.put_stream(declared(PNG, "image/png"), in_pieces(PNG))
        door.put(begin_upload(store, declared(JPEG), now=door.now()), JPEG)
        parts = begin_upload(store, declared(LONG), hashes_of(LONG), now=door.now()).parts
        assert parts is not None
        door.put_part(parts[2], LONG)
        assert store.sweep(before=datetime.now(UTC) - timedelta(days=7)) == 0
        assert confirmable(store, declared(JPEG))
        door.put(begin_upload(store, declared(PDF, "application/pdf"), now=door.now()), PDF)
        assert store.sweep(before=datetime.now(UTC) + timedelta(seconds=5)) == 2
        with pytest.raises(UploadMissing):
            confirm_upload(store, declared(PDF, "application/pdf"))
        again = begin_upload(store, declared(LONG), hashes_of(LONG), now=door.now()).parts
        assert again is not None
        assert not any(part.arrived for part in again)
        assert set(store.keys()) == {kept.key, declared(JPEG).key}

    def test_two_who_complete_the_same_bytes_at_once_have_one_object(
        self, store: ObjectStore, door: Door
    ) -> None:
        door.put(begin_upload(store, declared(JPEG), now=door.now()), JPEG)
        with ThreadPoolExecutor(3) as pool:
            receipts = list(pool.map(lambda _: confirm_upload(store, declared(JPEG), known=True), range(3)))
        assert len(set(receipts)) == 1
        assert list(store.keys()) == [declared(JPEG).key]


def confirmable(store: ObjectStore, truth: DeclaredObject) -> bool:
    """Whether it can be completed, having completed it."""
    return confirm_upload(store, truth).key == truth.key
