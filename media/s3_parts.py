"""Uploads in parts: which one is open for a key and what has arrived of it is what the store says."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from media.errors import UploadMissing
from media.objects import DeclaredObject, DeclaredPart, PresignedUpload
from media.s3_bucket import Bucket, present
from media.signing import CHECKSUM_HEADER, checksum


def open_upload(bucket: Bucket, key: str) -> str | None:
    """The oldest open multipart upload of exactly this key: two who begin at once agree on it."""
    answer = bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix=key)
    found = [each for each in answer.get("Uploads", ()) if each["Key"] == key]
    oldest = min(found, key=lambda each: (each["Initiated"], each["UploadId"]), default=None)
    return None if oldest is None else str(oldest["UploadId"])


def begin(bucket: Bucket, key: str, declared: DeclaredObject) -> str:
    """Open a multipart upload in which every part must come with its SHA-256."""
    answer = bucket.client.create_multipart_upload(
        Bucket=bucket.name, Key=key, ContentType=declared.content_type, ChecksumAlgorithm="SHA256"
    )
    return str(answer["UploadId"])


def presign_missing(
    bucket: Bucket, key: str, upload: str, parts: Sequence[DeclaredPart]
) -> Sequence[PresignedUpload | None]:
    """An address for each part, None for those that are there."""
    here = _parts_here(bucket, key, upload)
    return [
        None if _is_here(part, here.get(part.number)) else _presigned(bucket, key, upload, part)
        for part in parts
    ]


def join(bucket: Bucket, key: str, declared: DeclaredObject) -> None:
    """End the open upload of this key, if there is one; UploadMissing while parts of it are."""
    if (upload := open_upload(bucket, key)) is None:
        return
    here, sizes = _parts_here(bucket, key, upload), declared.part_sizes
    arrived = [number for number, size in enumerate(sizes, 1) if here.get(number, {}).get("Size") == size]
    if len(arrived) < len(sizes):
        raise UploadMissing(
            "Send the parts that are missing: ask for their upload addresses.",
            arrived=len(arrived),
            parts=len(sizes),
        )
    told = ("PartNumber", "ETag", "ChecksumSHA256")
    parts = [{name: here[number][name] for name in told if name in here[number]} for number in arrived]
    with suppress(UploadMissing), present():  # somebody else was faster
        bucket.client.complete_multipart_upload(
            Bucket=bucket.name, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )


def abort(bucket: Bucket, key: str, upload: str) -> None:
    """Throw an upload away with all that has arrived of it."""
    with suppress(UploadMissing), present():
        bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=key, UploadId=upload)


def _parts_here(bucket: Bucket, key: str, upload: str) -> dict[int, Mapping[str, Any]]:
    with present():
        answer = bucket.client.list_parts(Bucket=bucket.name, Key=key, UploadId=upload)
    return {part["PartNumber"]: part for part in answer.get("Parts", ())}


def _is_here(part: DeclaredPart, listed: Mapping[str, Any] | None) -> bool:
    """Whether a listed part is this one: by its checksum where the store tells it, else by its size."""
    if listed is None or listed.get("Size") != part.size:
        return False
    return bool(listed.get("ChecksumSHA256", checksum(part.sha256)) == checksum(part.sha256))


def _presigned(bucket: Bucket, key: str, upload: str, part: DeclaredPart) -> PresignedUpload:
    return bucket.presign_upload(
        "upload_part",
        {"Content-Length": str(part.size), CHECKSUM_HEADER: checksum(part.sha256)},
        Key=key,
        UploadId=upload,
        PartNumber=part.number,
        ContentLength=part.size,
        ChecksumSHA256=checksum(part.sha256),
    )
