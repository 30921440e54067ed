"""What every object store must do: subclass it, give a `store` fixture, and the contract runs against it."""

from datetime import UTC, datetime, timedelta

import pytest

from media.errors import ContentHashDiffers, ContentLengthDiffers, ContentTypeDiffers, UploadMissing
from media.objects import ObjectStore
from media.uploads import begin_upload, confirm_upload
from tests.media.files import FILES, JPEG, PNG, declared, in_pieces

NOW = datetime(2025, 3, 1, 8, 30, tzinfo=UTC)


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

    def test_an_upload_is_signed_for_at_most_ten_minutes(self, store: ObjectStore) -> None:
        ticket = begin_upload(store, declared(JPEG), now=NOW)
        assert ticket.needed
        assert ticket.method == "PUT"
        assert ticket.expires_at is not None
        assert NOW < ticket.expires_at <= NOW + timedelta(minutes=10)

    def test_the_checksum_is_among_what_the_device_must_send(self, store: ObjectStore) -> None:
        headers = begin_upload(store, declared(JPEG), now=NOW).headers
        assert headers is not None
        assert {name.lower() for name in headers} >= {
            "content-type",
            "content-length",
            "x-amz-checksum-sha256",
        }

    def test_bytes_that_are_there_need_not_be_sent_again(self, store: ObjectStore) -> None:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
        ticket = begin_upload(store, declared(JPEG), now=NOW)
        assert not ticket.needed
        assert ticket.url is None

    def test_there_is_no_receipt_before_the_bytes(self, store: ObjectStore) -> None:
        with pytest.raises(UploadMissing):
            confirm_upload(store, declared(JPEG))

    def test_the_receipt_names_the_stored_bytes(self, store: ObjectStore) -> None:
        stored = store.put_stream(declared(JPEG), in_pieces(JPEG))
        assert confirm_upload(store, declared(JPEG)) == stored

    def test_a_receipt_is_refused_for_another_length(self, store: ObjectStore) -> None:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
        other = type(declared(JPEG))(declared(JPEG).sha256, len(JPEG) + 1, "image/jpeg")
        with pytest.raises(ContentLengthDiffers):
            confirm_upload(store, other)

    def test_a_receipt_is_refused_for_another_type(self, store: ObjectStore) -> None:
        store.put_stream(declared(JPEG), in_pieces(JPEG))
        with pytest.raises(ContentTypeDiffers):
            confirm_upload(store, declared(JPEG, "image/png"))
