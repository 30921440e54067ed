"""Where the bytes are: the store that the settings name, as the composition root gives it to this room."""

from typing import cast

from flask import Flask, current_app

from backend.settings import Settings
from media.disk import DiskStore
from media.objects import ObjectStore
from media.s3 import S3Store
from media.s3_bucket import S3Address
from media.signing import UploadSigner

UPLOAD_PATH = "/media/objects"
"""The address below which the disk store's signed uploads arrive; the routes of this room serve it."""

_EXTENSION = "doorstep.objects"


def store_of(settings: Settings, upload_secret: bytes) -> ObjectStore:
    """A bucket where the settings name one, else the folder `media` of the data directory."""
    if not settings.s3_bucket:
        return DiskStore(settings.media_folder, UploadSigner(upload_secret, UPLOAD_PATH))
    return S3Store(address_of(settings))


def address_of(settings: Settings) -> S3Address:
    """The bucket of the settings, and how to reach it."""
    return S3Address(
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint or None,
        public_endpoint=settings.s3_public_endpoint or None,
        region=settings.s3_region,
        access_key=settings.s3_access_key or None,
        secret_key=settings.s3_secret_key or None,
    )


def install_store(app: Flask, store: ObjectStore) -> None:
    """Give `app` its object store."""
    app.extensions[_EXTENSION] = store


def current_store() -> ObjectStore:
    """The object store of the app that serves the current request."""
    return cast("ObjectStore", current_app.extensions[_EXTENSION])
