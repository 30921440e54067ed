"""A bucket and how to talk to it: one client, few callers at once, little patience, errors of ours."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from media.errors import StorageUnavailable, UploadMissing
from media.objects import UPLOAD_LINK_LIFETIME, PresignedUpload

CONNECT_SECONDS, READ_SECONDS = 2.0, 10.0
CALLS_AT_ONCE = 4
"""So that a store which hangs holds up no more threads than this; the others serve who needs no files."""
LONGEST_QUEUE_SECONDS = 0.5
COOLING_SECONDS = 3.0
"""For so long after it did not answer the store is not asked again: what needs it is told so at once."""
DOWNLOAD_LINK_SECONDS = 60

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})


@dataclass(frozen=True)
class S3Address:
    """Where the bucket is. `endpoint` None is AWS itself; without keys boto3 looks where it always does.

    `public_endpoint` is the store as devices reach it, when that is another address than ours.
    """

    bucket: str
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = None
    public_endpoint: str | None = None


def client_of(address: S3Address, endpoint: str | None = None) -> Any:
    """A boto3 client: Signature Version 4, path-style, checksums only where we say so, little patience."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint or address.endpoint,
        region_name=address.region,
        aws_access_key_id=address.access_key,
        aws_secret_access_key=address.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=2 * CALLS_AT_ONCE,
            # Newer SDKs add checksums of their own, which other stores do not know.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class Bucket:
    """One bucket. Every conversation with the store takes place inside `with bucket.asking():`."""

    def __init__(self, address: S3Address) -> None:
        self.name = address.bucket
        self.client = client_of(address)
        self._public = client_of(address, address.public_endpoint) if address.public_endpoint else self.client
        self._places = threading.BoundedSemaphore(CALLS_AT_ONCE)
        self._asked_again_at = 0.0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A place to ask the store from; what goes wrong with it becomes StorageUnavailable."""
        if time.monotonic() < self._asked_again_at:
            raise unavailable("it did not answer a moment ago")
        if not self._places.acquire(timeout=LONGEST_QUEUE_SECONDS):
            raise unavailable("it is slow, and others wait for it")
        try:
            yield
        except ClientError as error:
            raise unavailable(f"it says {code_of(error)}") from error
        except HTTPClientError as error:
            self._asked_again_at = time.monotonic() + COOLING_SECONDS
            raise unavailable(f"it cannot be reached ({type(error).__name__})") from error
        except BotoCoreError as error:
            raise unavailable(type(error).__name__) from error
        finally:
            self._places.release()

    def get(self, key: str) -> Mapping[str, Any]:
        """The answer to a GET, its `Body` still to be read; UploadMissing."""
        with present():
            return cast("Mapping[str, Any]", self.client.get_object(Bucket=self.name, Key=key))

    def size_of(self, key: str) -> int:
        """How many bytes an object has; UploadMissing."""
        with present():
            return int(self.client.head_object(Bucket=self.name, Key=key)["ContentLength"])

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        self.client.delete_object(Bucket=self.name, Key=key)

    def listed(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Every object whose key begins so; asks by itself, page by page."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return self._items(pages, "Contents")

    def uploads(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Every open multipart upload of a key that begins so; asks by itself, page by page."""
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix)
        return self._items(pages, "Uploads")

    def _items(self, pages: Iterable[Mapping[str, Any]], name: str) -> Iterator[Mapping[str, Any]]:
        remaining = iter(pages)
        while True:
            with self.asking():
                page = next(remaining, None)
            if page is None:
                return
            yield from page.get(name, ())

    def presign_upload(
        self, operation: str, headers: Mapping[str, str], **parameters: Any
    ) -> PresignedUpload:
        """A PUT to this bucket, signed by this machine's clock, which the store compares with its own."""
        seconds = int(UPLOAD_LINK_LIFETIME.total_seconds())
        url = self._presigned(operation, parameters, seconds)
        signed_at = datetime.strptime(parse_qs(urlsplit(url).query)["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
        return PresignedUpload("PUT", url, headers, signed_at.astimezone(UTC) + timedelta(seconds=seconds))

    def presign_download(self, **parameters: Any) -> str:
        """A GET from this bucket, good for a minute."""
        return self._presigned("get_object", parameters, DOWNLOAD_LINK_SECONDS)

    def _presigned(self, operation: str, parameters: Mapping[str, Any], seconds: int) -> str:
        given = {"Bucket": self.name, **parameters}
        return str(self._public.generate_presigned_url(operation, given, ExpiresIn=seconds))


class Body:
    """The bytes of an answer as a file that can only be read on; StorageUnavailable when it breaks off."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, b"" at the end."""
        try:
            return bytes(self._body.read(None if size < 0 else size))
        except (BotoCoreError, OSError) as error:
            raise unavailable(f"it broke off ({type(error).__name__})") from error


@contextmanager
def present() -> Iterator[None]:
    """What the store does not have is UploadMissing."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in _ABSENT:
            raise UploadMissing(
                "Send the file first: ask for an upload address and put the bytes there."
            ) from None
        raise


def code_of(error: ClientError) -> str:
    """What the store calls its refusal, such as `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", "nothing useful"))


def unavailable(why: str) -> StorageUnavailable:
    """The same sentence for whatever is wrong with the store."""
    return StorageUnavailable(f"The file stays on the device; it is sent again later. The store: {why}.")
