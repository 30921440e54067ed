"""`doorstep verify`: looks at one file and says in words what it found."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from backend.db.engine import make_engine
from backend.reports.queries import sealing_named, stamp_of
from backend.reports.rules import DocumentNotFound
from backend.reports.seal.asking import Server, ServerUnasked
from backend.reports.seal.content import spoken
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.verifying import Trust, Verdict, certificates_in, timestamp_of, trust_of, verify
from schemas.seals import Standing, TimestampState

GENUINE, REFUSED, UNSEEN = 0, 1, 2
"""Exit codes."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--trust", "pinned", type=click.Path(path_type=Path))
@click.option("--authorities", type=click.Path(path_type=Path))
@click.option("--database")
@click.option("--server", "address")
def main(
    file: Path,
    folder: Path,
    pinned: Path | None,
    authorities: Path | None,
    database: str | None,
    address: str | None,
) -> None:
    """Judge FILE by the certificates in FOLDER, and by what the database or the server knows of it."""
    try:
        content = file.read_bytes()
        roots = authorities.read_bytes() if authorities is not None else b""
        server = None if address is None else Server(address)
        trust = _trust(folder, roots, pinned, server)
        verdict = verify(content, trust)
        known = server.known(verdict.sha256) if server is not None else _known(database, verdict, trust)
    except (OSError, ValueError, ServerUnasked) as error:
        _give_up(str(error))
    faults = [*verdict.faults, *(said for good, said in known if not good)]
    _say(file, verdict, [said for good, said in known if good])
    for fault in faults:
        click.echo(f"  NOT GENUINE: {fault}")
    if not faults:
        where = "here" if address is None else f"at {address}"
        how = f"its seal and its hash {where}" if known else "its seal; no data base was asked"
        click.echo(f"  GENUINE by {how}.")
    sys.exit(REFUSED if faults else GENUINE)


def _trust(folder: Path, roots: bytes, pinned: Path | None, server: Server | None) -> Trust:
    """Certificates that were given win over those of this machine, and both over what a server says."""
    trust = trust_of(SealFolder(folder), roots)
    if pinned is not None:
        return Trust(certificates_in(pinned.read_bytes()), trust.authorities, trust.revoked)
    if not trust.seals and server is not None:
        return Trust(certificates_in(server.certificates()), trust.authorities)
    if not trust.seals:
        _give_up("No certificate of the company is known here. Give one: --trust FILE")
    return trust


def _give_up(why: str) -> NoReturn:
    click.echo(f"doorstep: {why}", err=True)
    sys.exit(UNSEEN)


def _known(database: str | None, verdict: Verdict, trust: Trust) -> list[tuple[bool, str]]:
    """What the database says of the file: (whether that is well, the words); nothing without one."""
    if database is None:
        return []
    try:
        engine = make_engine(database, allow_unsafe=True)
        with Session(engine) as session:
            sealing = sealing_named(session, verdict.sha256)
            stamp = stamp_of(session, sealing.number)
    except DocumentNotFound:
        return [(False, "No sealed document has the SHA-256 of this file.")]
    except SQLAlchemyError as error:
        _give_up(f"The data base cannot be asked: {type(error).__name__}. With --offline it is not.")
    said = [(True, f"Document {sealing.number}, sealed at {sealing.sealed_at:%Y-%m-%d %H:%M:%S} UTC")]
    if sealing.standing is Standing.SUPERSEDED:
        said.append((True, "Superseded: something was added later; ask the company for the addendum."))
    if sealing.timestamp is TimestampState.PENDING:
        said.append((True, "Its timestamp is still to come."))
    if stamp is not None:
        at = timestamp_of(stamp.token, verdict.sha256, trust)
        good = at is not None
        said.append((good, f"Timestamped later, at {at}" if good else "Its later timestamp is not good."))
    return said


def _say(file: Path, verdict: Verdict, known: list[str]) -> None:
    click.echo(f"{file}")
    click.echo(f"  SHA-256 {verdict.sha256}")
    if verdict.fingerprint is not None:
        click.echo(f"  Fingerprint {spoken(verdict.fingerprint)}")
    if verdict.timestamped_at is not None:
        click.echo(f"  Timestamped at {verdict.timestamped_at}")
    for said in known:
        click.echo(f"  {said}")


if __name__ == "__main__":
    main()
