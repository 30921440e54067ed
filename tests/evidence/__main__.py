"""`python -m tests.evidence`: many sealed reports, more forgeries, and the figures."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from tests.evidence.trial import run_trial


@click.command()
@click.option("--reports", default=1_000, show_default=True)
@click.option("--mutations", default=10_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(reports: int, mutations: int, seed: int) -> None:
    """Seal, check, forge."""
    with tempfile.TemporaryDirectory() as folder:
        told = run_trial(reports, mutations, seed, Path(folder))
    click.echo(
        f"{told.reports} sealed reports, {len(told.refused_reports)} refused: {told.refused_reports[:3]}"
    )
    click.echo(
        f"seal {told.seal_seconds * 1000:.0f} ms, check {told.verify_seconds * 1000:.0f} ms, "
        f"{told.size:,} bytes (median)"
    )
    for name, count in told.forged.most_common():
        offline, online = told.passed_offline[name], told.passed_online[name]
        click.echo(f"{count:6}  {name:26} passed offline {offline}, online {online}")
    sys.exit(0 if told.holds else 1)


if __name__ == "__main__":
    main()
