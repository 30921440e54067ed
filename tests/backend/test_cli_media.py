"""The `doorstep media` commands: what is missing or damaged is told, by an exit code too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backend.access.permissions import SYSTEM
from backend.app import Wiring, wire
from backend.attachments.actions import complete_media
from backend.cli import main
from backend.outbox.queries import unsent
from media.objects import DeclaredObject
from tests.databases import Database
from tests.given import attachments, reports
from tests.settings import cheap_settings
from tests.swift.servers import Swift

Doorstep = Callable[..., Result]


@pytest.fixture
def wiring(sqlite_database: Database, tmp_path: Path) -> Wiring:
    settings = cheap_settings(sqlite_database.url, tmp_path)
    return wire(sqlite_database.engine, settings, clock=sqlite_database.clock)


@pytest.fixture
def doorstep(sqlite_database: Database, tmp_path: Path) -> Doorstep:
    """Runs a command on the database and the folder of `wiring`."""
    where = {"DOORSTEP_DATABASE": sqlite_database.url, "DOORSTEP_DATA": str(tmp_path)}
    return lambda *words, **more: CliRunner().invoke(main, words, env={**where, **more})


def three_photos(wiring: Wiring) -> list[str]:
    """Stored, with their bytes; the keys of their objects."""
    keys = []
    with wiring.factory.begin() as uow:
        work = reports.a_visit_under_way(uow)
        for number in range(3):
            content = attachments.a_photo(f"photo {number}")
            medium = attachments.a_medium(uow, work.actor, work.visit_id, **attachments.declaration(content))
            declared = DeclaredObject(medium.sha256, medium.size, medium.content_type)
            wiring.objects.put_stream(declared, [content])
            complete_media(uow, SYSTEM, medium.id)
            keys.append(declared.key)
    return keys


def test_a_store_without_fault_is_called_so(doorstep: Doorstep, wiring: Wiring) -> None:
    three_photos(wiring)
    result = doorstep("media", "verify")
    assert result.exit_code == 0, result.output
    assert "3 objects read" in result.output
    assert "0 wrong, 0 without a record" in result.output


def test_what_is_missing_or_damaged_is_named_and_fails(
    doorstep: Doorstep, wiring: Wiring, tmp_path: Path
) -> None:
    gone, rotten, _ = three_photos(wiring)
    wiring.objects.delete(gone)
    path = tmp_path / "media" / "objects" / rotten.removeprefix("sha256/")
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    stranger = attachments.a_photo("nobody's")
    wiring.objects.put_stream(DeclaredObject(**attachments.declaration(stranger)), [stranger])
    result = doorstep("media", "verify")
    assert result.exit_code == 1
    assert f"missing  {gone}" in result.output
    assert f"damaged  {rotten}" in result.output
    found = json.loads(doorstep("media", "verify", "--json").stdout)
    assert (found["sound"], found["missing"], found["damaged"], found["unnamed"]) == (
        False,
        [gone],
        [rotten],
        1,
    )


def test_files_from_before_there_was_a_scanner_are_looked_at_on_demand(
    doorstep: Doorstep, wiring: Wiring
) -> None:
    three_photos(wiring)
    assert "0 to be looked at" in doorstep("media", "examine").output
    assert "3 to be looked at" in doorstep("media", "examine", "--unscanned").output
    with wiring.factory.begin(write=False) as uow:
        assert len([message for message in unsent(uow) if message.kind == "examine"]) == 6


def test_a_folder_has_no_lifecycle_and_is_swept_by_us(doorstep: Doorstep, tmp_path: Path) -> None:
    assert doorstep("media", "lifecycle").exit_code == 2
    swept = doorstep("media", "sweep")
    assert (swept.exit_code, swept.output) == (0, "media: 0 uploads nobody completed were thrown away\n")


def test_a_bucket_that_takes_no_rules_is_told_apart_and_the_doctor_finds_it(
    doorstep: Doorstep, swift: Swift
) -> None:
    address = swift.address(swift.new_bucket())
    where = {
        "DOORSTEP_S3_BUCKET": address.bucket,
        "DOORSTEP_S3_ENDPOINT": str(address.endpoint),
        "DOORSTEP_S3_ACCESS_KEY": str(address.access_key),
        "DOORSTEP_S3_SECRET_KEY": str(address.secret_key),
    }
    told = doorstep("media", "lifecycle", "--set", **where)
    assert told.exit_code == 1
    assert "sweeps the bucket all the same" in told.output
    assert doorstep("media", "verify", **where).exit_code == 0
    doctor = doorstep("doctor", **where).output
    assert address.bucket in "".join(doctor.split())
    assert "404" in doorstep("doctor", **{**where, "DOORSTEP_S3_BUCKET": "nobodys"}).output
