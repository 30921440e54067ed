"""Objects in a bucket of any S3-compatible store, which devices reach by presigned addresses."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from botocore.exceptions import ClientError

from media import s3_parts
from media.checking import checked
from media.errors import ContentHashDiffers, ContentLengthDiffers, UploadMissing
from media.objects import CHUNK, DeclaredObject, DeclaredPart, PresignedUpload, StoredObject, sha256_of_key
from media.s3_bucket import Body, Bucket, S3Address, code_of
from media.signing import CHECKSUM_HEADER, checksum

INCOMING = "incoming/"
OBJECTS = "sha256/"
_CHANGED_OR_GONE = frozenset({"412", "PreconditionFailed", "404", "NoSuchKey"})


class S3Store:
    """An `ObjectStore` in a bucket: whole objects below `sha256/`, what devices send below `incoming/`.

    Nothing of the state of an upload is kept here, so nothing can disagree with the store.
    """

    def __init__(self, address: S3Address) -> None:
        self.bucket = Bucket(address)

    def put_stream(self, declared: DeclaredObject, chunks: Iterable[bytes]) -> StoredObject:
        """See `ObjectStore.put_stream`. The bytes wait in a file without a name until they are checked."""
        with TemporaryFile() as file:
            for chunk in checked(declared, chunks):
                file.write(chunk)
            file.seek(0)
            with self.bucket.asking():
                self.bucket.client.put_object(
                    Bucket=self.bucket.name,
                    Key=declared.key,
                    Body=file,
                    ContentLength=declared.size,
                    ChecksumSHA256=checksum(declared.sha256),
                    **_served_as(declared),
                )
        return StoredObject(declared.key, declared.sha256, declared.size)

    @contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """See `ObjectStore.open`. A connection that breaks while it is read raises StorageUnavailable."""
        sha256_of_key(key)
        with self.bucket.asking():
            body = self.bucket.get(key)["Body"]
        with body:
            yield cast("BinaryIO", Body(body))

    def head(self, key: str) -> StoredObject | None:
        """See `ObjectStore.head`. What stands under a hash was read back before it came there."""
        sha256 = sha256_of_key(key)
        with self.bucket.asking(), suppress(UploadMissing):
            return StoredObject(key, sha256, self.bucket.size_of(key))
        return None

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        sha256_of_key(key)
        with self.bucket.asking():
            self.bucket.delete(key)

    def keys(self) -> Iterator[str]:
        """See `ObjectStore.keys`."""
        return (str(item["Key"]) for item in self.bucket.listed(OBJECTS))

    def presign_put(self, declared: DeclaredObject, *, now: datetime) -> PresignedUpload:  # noqa: ARG002 - see there
        """See `ObjectStore.presign_put`, and `Bucket.presign_upload` for the clock."""
        headers = {
            "Content-Type": declared.content_type,
            "Content-Length": str(declared.size),
            CHECKSUM_HEADER: checksum(declared.sha256),
        }
        return self.bucket.presign_upload(
            "put_object",
            headers,
            Key=_incoming(declared),
            ContentLength=declared.size,
            ContentType=declared.content_type,
            ChecksumSHA256=checksum(declared.sha256),
        )

    def presign_parts(
        self,
        parts: Sequence[DeclaredPart],
        *,
        now: datetime,  # noqa: ARG002 - the store compares with its own clock, so this machine's signs
    ) -> Sequence[PresignedUpload | None]:
        """See `ObjectStore.presign_parts`. A first call opens the multipart upload, later ones find it."""
        declared = parts[0].of
        key = _incoming(declared)
        with self.bucket.asking():
            upload = s3_parts.open_upload(self.bucket, key) or s3_parts.begin(self.bucket, key, declared)
            return s3_parts.presign_missing(self.bucket, key, upload, parts)

    def promote(self, declared: DeclaredObject) -> StoredObject:
        """See `ObjectStore.promote`. Every byte is read back: what a store says of a checksum may be no more
        than what it was told. The copy is made only of exactly what was read.
        """
        with self.bucket.asking():
            if len(declared.part_sizes) > 1:
                s3_parts.join(self.bucket, _incoming(declared), declared)
            try:
                self._copy(declared, only_if=self._read_back(declared))
            except (ContentHashDiffers, ContentLengthDiffers):
                self.bucket.delete(_incoming(declared))
                raise
            self.bucket.delete(_incoming(declared))
        return StoredObject(declared.key, declared.sha256, declared.size)

    def sweep(self, *, before: datetime) -> int:
        """See `ObjectStore.sweep`; here as well as by a lifecycle rule, which not every store has."""
        swept = 0
        for item in self.bucket.listed(INCOMING):
            if item["LastModified"] < before:
                with self.bucket.asking():
                    self.bucket.delete(item["Key"])
                swept += 1
        for upload in self.bucket.uploads(INCOMING):
            if upload["Initiated"] < before:
                with self.bucket.asking():
                    s3_parts.abort(self.bucket, upload["Key"], upload["UploadId"])
                swept += 1
        return swept

    def presign_get(self, key: str, *, name: str, content_type: str) -> str:
        """An address at the store from which an object may be downloaded, for a minute, to be saved."""
        return self.bucket.presign_download(
            Key=key,
            ResponseContentDisposition=f'attachment; filename="{name}"',
            ResponseContentType=content_type,
        )

    def reach(self) -> None:
        """Whether the bucket is there and lets us in; StorageUnavailable says why not."""
        with self.bucket.asking():
            self.bucket.client.head_bucket(Bucket=self.bucket.name)

    def _read_back(self, declared: DeclaredObject) -> str:
        """The ETag of what was sent, once every byte of it was read and found right."""
        answer = self.bucket.get(_incoming(declared))
        with answer["Body"] as body:
            reader = Body(body)
            for _ in checked(declared, iter(lambda: reader.read(CHUNK), b"")):
                pass
        return str(answer["ETag"])

    def _copy(self, declared: DeclaredObject, *, only_if: str) -> None:
        try:
            self.bucket.client.copy_object(
                Bucket=self.bucket.name,
                Key=declared.key,
                CopySource={"Bucket": self.bucket.name, "Key": _incoming(declared)},
                CopySourceIfMatch=only_if,
                MetadataDirective="REPLACE",
                **_served_as(declared),
            )
        except ClientError as error:
            if code_of(error) in _CHANGED_OR_GONE:
                raise UploadMissing("Send the file again.") from None
            raise


def _incoming(declared: DeclaredObject) -> str:
    return f"{INCOMING}{declared.sha256[:2]}/{declared.aside}"


def _served_as(declared: DeclaredObject) -> dict[str, str]:
    """Whoever gets at an object by its address saves it, and never sees it as a page."""
    return {"ContentType": declared.content_type, "ContentDisposition": "attachment"}
