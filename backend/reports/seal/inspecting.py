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
from backend.reports.seal.envelope import AuthorityUnknown
from backend.reports.seal.keys import SealFolder
from backend.reports.seal.verifying import Trust, Verdict, certificates_in, timestamp_of, trust_of, verify
from schemas.seals import Standing, TimestampState

GENUINE, REFUSED, UNSEEN, UNSETTLED = 0, 1, 2, 3
"""Exit codes. Unsettled: nothing is wrong, and whose timestamp it is cannot be told here."""

Found = tuple[int, str]
"""Something that is known of a file: GENUINE, REFUSED or UNSETTLED by it, and in words."""


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
        known = _known(database, verdict, trust) if server is None else _told(server, verdict)
    except (OSError, ValueError, ServerUnasked) as error:
        _give_up(str(error))
    faults = [*verdict.faults, *_words(known, REFUSED)]
    unsettled = _words(known, UNSETTLED)
    if verdict.unknown_authority is not None:
        unsettled.append(_stranger("timestamp in its seal", verdict.unknown_authority))
    _say(file, verdict, _words(known, GENUINE))
    for fault in faults:
        click.echo(f"  NOT GENUINE: {fault}")
    for words in unsettled:
        click.echo(f"  UNSETTLED: {words}")
    if faults:
        sys.exit(REFUSED)
    where = "here" if address is None else f"at {address}"
    how = f"its seal and its hash {where}" if known else "its seal; no data base was asked"
    click.echo(f"  All but the timestamp is GENUINE by {how}." if unsettled else f"  GENUINE by {how}.")
    sys.exit(UNSETTLED if unsettled else GENUINE)


def _words(known: list[Found], verdict: int) -> list[str]:
    return [said for each, said in known if each == verdict]


def _stranger(what: str, authority: str) -> str:
    return (
        f"The {what} cannot be judged: no authority is set here. It names {authority!r}, as anybody may. "
        "If that is the company's authority, get its certificate from the authority itself, set "
        "DOORSTEP_TIMESTAMP_ROOTS to that PEM file, and look again."
    )


def _told(server: Server, verdict: Verdict) -> list[Found]:
    return [(GENUINE if good else REFUSED, said) for good, said in server.known(verdict.sha256)]


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


def _known(database: str | None, verdict: Verdict, trust: Trust) -> list[Found]:
    """What the database says of the file; nothing without one."""
    if database is None:
        return []
    try:
        engine = make_engine(database, allow_unsafe=True)
        with Session(engine) as session:
            sealing = sealing_named(session, verdict.sha256)
            stamp = stamp_of(session, sealing.number)
    except DocumentNotFound:
        return [(REFUSED, "No sealed document has the SHA-256 of this file.")]
    except SQLAlchemyError as error:
        _give_up(f"The data base cannot be asked: {type(error).__name__}. With --offline it is not.")
    said = [(GENUINE, f"Document {sealing.number}, sealed at {sealing.sealed_at:%Y-%m-%d %H:%M:%S} UTC")]
    if sealing.standing is Standing.SUPERSEDED:
        said.append((GENUINE, "Superseded: something was added later; ask the company for the addendum."))
    if sealing.timestamp is TimestampState.PENDING:
        said.append((GENUINE, "Its timestamp is still to come."))
    if stamp is not None:
        said.append(_stamped_later(stamp.token, verdict, trust))
    return said


def _stamped_later(token: str, verdict: Verdict, trust: Trust) -> Found:
    try:
        at = timestamp_of(token, verdict.sha256, trust)
    except AuthorityUnknown as unknown:
        return UNSETTLED, _stranger("later timestamp", str(unknown))
    if at is None:
        return REFUSED, "Its later timestamp is not good."
    return GENUINE, f"Timestamped later, at {at}"


def _say(file: Path, verdict: Verdict, known: list[str]) -> None:
    click.echo(f"{file}")
    click.echo(f"  SHA-256 {verdict.sha256}")
    if verdict.fingerprint is not None:
        click.echo(f"  Fingerprint {spoken(verdict.fingerprint)}")
    if verdict.timestamped_at is not None:
        claimed = " (by its own word)" if verdict.unknown_authority is not None else ""
        click.echo(f"  Timestamped at {verdict.timestamped_at}{claimed}")
    for said in known:
        click.echo(f"  {said}")


if __name__ == "__main__":
    main()
