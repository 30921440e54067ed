"""`python -m tests.evidence`: many sealed reports, more forgeries, and the figures."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.evidence.trial import run_trial


@click.command()
@click.option("--reports", default=1_000, show_default=True)
@click.option("--mutations", default=10_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--processes", default=2, show_default=True)
def main(reports: int, mutations: int, seed: int, processes: int) -> None:
    """Seal, check, forge."""
    logging.disable(logging.INFO)  # pyHanko tells of every signature that it looks at
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        told = run_trial(reports, mutations, seed, Path(folder), processes=processes, say=_say)
    refused = f"{len(told.refused_reports)} refused, {told.unknown_reports} not known online"
    click.echo(f"{told.reports} sealed reports, {refused} {told.refused_reports[:3] or ''}")
    seal, check = told.seal_seconds * 1000, told.verify_seconds * 1000
    click.echo(f"seal {seal:.0f} ms, check {check:.0f} ms of one processor; {told.size:,} bytes (median)")
    for name, count in told.forged.most_common():
        offline, online = told.passed_offline[name], told.passed_online[name]
        click.echo(f"{count:6}  {name:26} passed offline {offline}, online {online}")
    passed = told.passed_offline.total(), told.passed_online.total()
    click.echo(
        f"evidence: {told.forged.total()} forgeries, {passed[0]} passed offline, {passed[1]} online, "
        f"{time.monotonic() - begun:.0f} s"
    )
    sys.exit(0 if told.holds else 1)


def _say(what: str, done: int, of: int) -> None:
    if done % 200 == 0 or done == of:
        click.echo(f"  {what} {done:,} of {of:,}", err=True)


if __name__ == "__main__":
    main()
