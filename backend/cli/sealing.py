"""The company's seal: its keys, the chain, and whether a file is what was issued.

What checks a file is loaded only by the command that does: its libraries are large, and every command would
wait for them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
from cryptography import x509

from backend.cli.entry import main, opened, refuse, with_settings
from backend.reports.chain import check_chain
from backend.reports.seal.keys import SealFolder, SealKeyMissing
from backend.settings import Settings


@main.group("seal-key")
def seal_key() -> None:
    """The keys of the company's seal."""


@seal_key.command("create")
@with_settings
@click.option("--certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="PEM")
@click.option("--key", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="PEM")
@click.option("--token", metavar="URI", help="A key in hardware: pkcs11:token=…;object=…?module-path=…")
def create_seal_key(
    settings: Settings, certificate: Path | None, key: Path | None, token: str | None
) -> None:
    """Make the key that seals from now on; or take one with the certificate that somebody issued for it.

    The key before it is retired: what it sealed stays good.
    """
    folder, now = SealFolder(settings.seal_folder), opened(settings).clock()
    if [certificate is None, key is None, token is None].count(False) not in (0, 2) or (key and token):
        refuse("Give --certificate with --key or with --token, or none of them.")
    if certificate is not None:
        issued = x509.load_pem_x509_certificate(certificate.read_bytes())
        try:
            made = folder.adopt(issued, None if key is None else key.read_bytes(), now, token)
        except SealKeyMissing as missing:
            refuse(str(missing))
    else:
        made = folder.create(settings.firm_name, now)
    click.echo(f"seal-key: {made.name}\n  {folder.certificate_file(made)}")


@seal_key.command("list")
@with_settings
def list_seal_keys(settings: Settings) -> None:
    """All keys, the oldest first, and what became of each."""
    for key in SealFolder(settings.seal_folder).all_keys():
        state = "revoked" if key.revoked_at else "retired" if key.retired_at else "in use"
        click.echo(f"{key.name}  {state:8}  made {key.created_at}")


@seal_key.command("revoke")
@with_settings
@click.argument("name")
def revoke_seal_key(settings: Settings, name: str) -> None:
    """Somebody else may have the key NAME (or its beginning): only a timestamp from before counts for it."""
    try:
        key = SealFolder(settings.seal_folder).revoke(name, opened(settings).clock())
    except SealKeyMissing as missing:
        refuse(str(missing))
    click.echo(f"seal-key: {key.name} revoked at {key.revoked_at}. Make a new one: doorstep seal-key create")


@main.command("check-seals")
@with_settings
@click.option("--search", is_flag=True, help="Look through the whole store for anchors that nobody names.")
def check_seals(settings: Settings, search: bool) -> None:
    """Whether the chain of sealed documents holds, against its anchors and every issued file, read again.

    Exit code 1: something does not hold; each finding says what to do. Copy anchors.jsonl elsewhere.
    """
    wiring = opened(settings)
    with click.progressbar(length=0, label="reading", file=sys.stderr) as bar:

        def show(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        found = check_chain(
            wiring.factory, wiring.objects, settings.seal_folder, search=search, progress=show
        )
    read = f"{found.bytes_read / 2**20:.1f} MiB read"
    click.echo(f"seals: {found.documents} documents, {found.anchors} anchors, {read}")
    for fault in found.faults:
        click.echo(f"  {fault}")
    click.echo("seals: sound" if not found.faults else f"seals: {len(found.faults)} wrong")
    sys.exit(1 if found.faults else 0)


@main.command()
@with_settings
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Ask no data base: seal, envelope and phone's signature only.")
@click.option("--server", metavar="URL", help="Ask the company's server instead of a data base here.")
@click.option("--trust", type=click.Path(path_type=Path), help="PEM of the company's certificates.")
def verify(settings: Settings, file: Path, offline: bool, server: str | None, trust: Path | None) -> None:
    """Is FILE exactly what the company issued? Exit code 0: yes, 1: no, 2: it could not be looked at.

    3: yes, but for the timestamp, which cannot be judged while DOORSTEP_TIMESTAMP_ROOTS names no authority.
    """
    command = [sys.executable, "-m", "backend.reports.seal.inspecting", str(file), str(settings.seal_folder)]
    command += ["--trust", str(trust)] if trust is not None else []
    command += ["--authorities", settings.timestamp_roots] if settings.timestamp_roots else []
    if offline and server is not None:
        refuse("Give --offline or --server, not both.")
    if server is not None:
        command += ["--server", server]
    elif not offline:
        command += ["--database", settings.database_url]
    sys.exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - ourselves, and no shell
