"""Files: is everything there and undamaged, what nobody completed, and what is to be looked at again."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from backend.access.permissions import SYSTEM
from backend.attachments.actions import examine_media
from backend.attachments.queries import media_to_examine, picture_keys, stored_keys
from backend.cli.entry import main, opened, refuse, with_settings
from backend.housekeeping import UNFINISHED_UPLOADS_KEPT
from backend.reports.queries import sealed_keys
from backend.settings import Settings
from media.s3 import S3Store
from media.s3_lifecycle import ABANDONED_DAYS, has_lifecycle, set_lifecycle
from media.verifying import verify


@main.group()
def media() -> None:
    """Photos and other files in the store."""


@media.command("verify")
@with_settings
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
def verify_media(settings: Settings, as_json: bool) -> None:
    """Read every stored file again and compare it with its hash.

    Exit code 1: something is missing or damaged. It reads the whole store: choose a quiet hour.
    """
    wiring = opened(settings)
    with wiring.factory.begin(write=False) as uow:
        named = {*stored_keys(uow.session), *picture_keys(uow.session), *sealed_keys(uow.session)}
    found = verify(wiring.objects, named)
    if as_json:
        click.echo(json.dumps({"sound": found.sound, **asdict(found)}, indent=2))
    else:
        for word in ("missing", "damaged", "unreadable"):
            for key in getattr(found, word):
                click.echo(f"{word}  {key}")
        wrong = len(found.missing) + len(found.damaged) + len(found.unreadable)
        click.echo(
            f"media: {found.objects} objects read, {found.bytes_read / 2**20:.1f} MiB, {wrong} wrong, "
            f"{found.unnamed} without a record"
        )
    sys.exit(0 if found.sound else 1)


@media.command("sweep")
@with_settings
def sweep_media(settings: Settings) -> None:
    """Throw away what was sent and never completed, a week after; `serve` does it once a day by itself."""
    wiring = opened(settings)
    swept = wiring.objects.sweep(before=wiring.clock() - UNFINISHED_UPLOADS_KEPT)
    click.echo(f"media: {swept} uploads nobody completed were thrown away")


@media.command("lifecycle")
@with_settings
@click.option("--set", "to_set", is_flag=True, help="Set the rule, beside those that are there.")
def media_lifecycle(settings: Settings, to_set: bool) -> None:
    """Whether the bucket has the rule by which it ends abandoned uploads itself. Exit code 1: it has not."""
    store = opened(settings).objects
    if not isinstance(store, S3Store):
        refuse("Files lie in a folder here, which has no such rules; housekeeping sweeps it.")
    there = set_lifecycle(store) if to_set else has_lifecycle(store)
    if there:
        click.echo(f"media: the bucket ends uploads that nobody completes in {ABANDONED_DAYS} days")
    elif to_set:
        click.echo("media: this store takes no such rules; housekeeping sweeps the bucket all the same")
    else:
        click.echo("media: the bucket has no such rule; --set makes one")
    sys.exit(0 if there else 1)


@media.command("examine")
@with_settings
@click.option("--failed", is_flag=True, help="Those of which no pictures could be made, too.")
@click.option("--unscanned", is_flag=True, help="Those that no scanner has seen, too.")
def examine_again(settings: Settings, failed: bool, unscanned: bool) -> None:
    """Have files looked at that were stored before there was anybody to look: the server's workers do it."""
    wiring = opened(settings)
    with wiring.factory.begin(write=False) as uow:
        ids = media_to_examine(uow.session, failed=failed, unscanned=unscanned)
    for media_id in ids:
        with wiring.factory.begin() as uow:
            examine_media(uow, SYSTEM, media_id)
    click.echo(f"media: {len(ids)} to be looked at")
