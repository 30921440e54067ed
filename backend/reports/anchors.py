"""Anchors of the chain: the signed word of where it ended, in data base and store and beside the keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from backend.reports.seal.keys import SealFolder
from media.errors import UploadMissing
from media.objects import ObjectStore

ANCHORS = "anchors.jsonl"
"""Beside the seal keys: every anchor once more, where no database reaches."""
_LONGEST = 16_384


@dataclass(frozen=True)
class Anchored:
    """What an anchor says: that link of the chain had that hash over all before it."""

    number: int
    chain_sha256: str


@dataclass(frozen=True)
class NamedAnchor:
    """An anchor as the data base names it: what it says, and the object that says so."""

    said: Anchored
    object_key: str


@dataclass(frozen=True)
class AnchorsFound:
    """All that is anchored anywhere, and what is wrong with the anchors themselves."""

    said: frozenset[Anchored]
    faults: list[str]


def gather_anchors(
    named: Iterable[NamedAnchor], store: ObjectStore, folder: Path, *, search: bool = False
) -> AnchorsFound:
    """Read every anchor that the data base or the file names; with `search` every one in the store as well.

    The database counts, too, so that one of the three is enough to show that a link is gone.
    Raises StorageUnavailable.
    """
    signers, rows = SealFolder(folder), list(named)
    file = folder / ANCHORS
    written, faults = _in_file(signers, file)
    stored, missing = _in_store(signers, store, rows, file)
    said = {row.said for row in rows} | written | stored
    for row in rows:
        if row.said not in written:
            faults.append(
                f"The anchor of document {row.said.number} is not in {file}: "
                f"take the file from your copy, or append the object {row.object_key} to it as a line."
            )
    if search:
        known = {row.object_key for row in rows}
        said |= {found for key in store.keys() if key not in known and (found := _read(signers, store, key))}  # noqa: SIM118 - no dict
    return AnchorsFound(frozenset(said), faults + missing)


def _in_file(signers: SealFolder, file: Path) -> tuple[set[Anchored], list[str]]:
    said, faults = set(), []
    for at, line in enumerate(file.read_text(errors="replace").splitlines() if file.exists() else (), 1):
        found = _parsed(signers, line)
        if found is None:
            faults.append(
                f"Line {at} of {file} does not carry the company's signature: it was changed. "
                "Take the file from your copy."
            )
        else:
            said.add(found)
    return said, faults


def _in_store(
    signers: SealFolder, store: ObjectStore, rows: Iterable[NamedAnchor], file: Path
) -> tuple[set[Anchored], list[str]]:
    said, faults = set(), []
    for row in rows:
        which = f"The anchor of document {row.said.number}"
        try:
            found = _read(signers, store, row.object_key)
        except (UploadMissing, ValueError):
            faults.append(f"{which} is not in the store ({row.object_key}): restore it; {file} has it, too.")
            continue
        if found is None:
            faults.append(f"{which} was changed in the store ({row.object_key}): restore that object.")
        elif found != row.said:
            faults.append(
                f"{which} says something else in the store than in the data base: the row was changed. "
                "Restore the data base."
            )
        if found is not None:
            said.add(found)
    return said, faults


def _read(signers: SealFolder, store: ObjectStore, key: str) -> Anchored | None:
    with store.open(key) as object_:
        content = object_.read(_LONGEST)
    if hashlib.sha256(content).hexdigest() != key.rpartition("/")[2]:
        return None
    return _parsed(signers, content.decode(errors="replace"))


def _parsed(signers: SealFolder, line: str) -> Anchored | None:
    """What a signed anchor says; None for anything else."""
    try:
        anchor = json.loads(line)
        statement = json.loads(anchor["text"])
        said = Anchored(int(statement["number"]), str(statement["chain_sha256"]))
        good = _is_signed(
            signers, anchor["key"], anchor["text"].encode(), base64.b64decode(anchor["signature"])
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        return None
    return said if good else None


def _is_signed(signers: SealFolder, name: str, text: bytes, signature: bytes) -> bool:
    key = next((key for key in signers.all_keys() if key.name == name), None)
    if key is None:
        return False
    public = x509.load_pem_x509_certificate(signers.certificate_file(key).read_bytes()).public_key()
    try:
        if isinstance(public, EllipticCurvePublicKey):
            public.verify(signature, text, ECDSA(SHA256()))
        elif isinstance(public, RSAPublicKey):
            public.verify(signature, text, PKCS1v15(), SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True
