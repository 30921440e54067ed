"""The firm's server as the page /verify meets it, on a data base that holds nothing but what was sealed."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from backend.app import connect, database_of, unwired_app, wire
from backend.db.upgrade import upgrade
from backend.reports.models import SealedDocument
from backend.reports.rules import BEGINNING
from backend.settings import Settings
from backend.web.documents import Api
from backend.web.journal import configure_log
from schemas.seals import DocumentKind, TimestampState
from tests.settings import cheap_settings


def write_down(folder: Path, files: Iterable[bytes]) -> None:
    """A data base that has sealed those files, without the visits that they are about."""
    url = _settings(folder).database_url
    upgrade(url)
    engine = create_engine(url)  # a plain one does not mind that there are no visits
    with Session(engine) as session:
        for number, file in enumerate(files, start=1):
            session.add(_row(number, file))
        session.commit()
    engine.dispose()


@contextmanager
def browser(folder: Path) -> Iterator[FlaskClient]:
    """Somebody who is signed in nowhere, in front of the application on that data base."""
    settings = _settings(folder)
    app, api = _unwired(replace(settings, database_url="", data_dir=Path()))
    engine = database_of(settings)
    connect(app, api, wire(engine, settings))
    yield app.test_client()
    engine.dispose()


def is_matched(browser: FlaskClient, file: bytes) -> bool:
    """Whether the page says "Match.": what its script asks of a file, and how it takes the answer."""
    sha256 = hashlib.sha256(file).hexdigest()
    answer = browser.get(f"/seals/{sha256}")
    if answer.status_code == 404:
        return False
    assert answer.status_code == 200, answer.text
    assert answer.json is not None, "the page reads JSON"
    assert answer.json["sha256"] == sha256, "it speaks of another file"
    return bool(answer.json["standing"] == "current")


@functools.cache
def _unwired(settings: Settings) -> tuple[Flask, Api]:
    # Describing all routes takes a third of a second: once per process.
    unwired = unwired_app(settings)
    configure_log(level=logging.WARNING)  # a line for each request would hide the figures
    return unwired


def _settings(folder: Path) -> Settings:
    return cheap_settings(f"sqlite:///{folder / 'sealed.sqlite'}", folder / "data")


def _row(number: int, file: bytes) -> SealedDocument:
    sha256 = hashlib.sha256(file).hexdigest()
    return SealedDocument(
        number=number,
        kind=DocumentKind.REPORT,
        subject_id=UUID(int=number),
        report_id=UUID(int=number),
        sha256=sha256,
        size=len(file),
        object_key=f"sha256/{sha256}",
        fingerprint=f"{number:016}",
        content_sha256=sha256,
        follows_sha256=None,
        previous_chain_sha256=BEGINNING,
        chain_sha256=sha256,
        key_name=sha256,
        sealed_at=datetime.now(UTC),
        timestamp=TimestampState.GIVEN,
        timestamped_at=None,
    )
