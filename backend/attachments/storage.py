"""Where the bytes are: the object store that the composition root gives to this room."""

from typing import cast

from flask import Flask, current_app

from media.objects import ObjectStore

UPLOAD_PATH = "/media/objects"
"""The address below which the disk store's signed uploads arrive; the routes of this room serve it."""

_EXTENSION = "doorstep.objects"


def install_store(app: Flask, store: ObjectStore) -> None:
    """Give `app` its object store."""
    app.extensions[_EXTENSION] = store


def current_store() -> ObjectStore:
    """The object store of the app that serves the current request."""
    return cast("ObjectStore", current_app.extensions[_EXTENSION])
