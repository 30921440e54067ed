"""Whether the chain of sealed documents is whole: link by link, against its anchors, against the store."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from backend.db.unit_of_work import UnitOfWork
from backend.reports.models import SealedDocument
from backend.reports.queries import anchors, chain_from, head_of_chain
from backend.reports.rules import BEGINNING, Link, first_broken
from backend.reports.seal.keys import SealFolder
from media.objects import ObjectStore

ANCHORS = "anchors.jsonl"
"""Beside the seal keys: every anchor once more, where no database reaches."""
_PAGE = 500


@dataclass
class ChainFound:
    """What was looked at; `faults` is empty when all of it holds."""

    documents: int = 0
    anchors: int = 0
    faults: list[str] = field(default_factory=list)


def check_chain(uow: UnitOfWork, store: ObjectStore, folder: Path) -> ChainFound:
    """Read the whole chain. Names the first link that does not hold, a tail that is gone, a file that is."""
    found = ChainFound()
    chains: dict[int, str] = {}
    after = (0, BEGINNING)
    for page in _pages(uow):
        broken = first_broken(((_link(row), row.chain_sha256) for row in page), after=after)
        if broken is not None:
            found.faults.append(f"The chain does not hold at document {broken}.")
            return found
        for row in page:
            chains[row.number] = row.chain_sha256
            if store.head(row.object_key) is None:
                found.faults.append(f"The file of document {row.number} is not in the store, or damaged.")
        after = (page[-1].number, page[-1].chain_sha256)
        found.documents += len(page)
    head = head_of_chain(uow.session)
    if (head.number, head.chain_sha256) != after:
        found.faults.append(f"The chain ends at document {after[0]}, its head says {head.number}.")
    _check_anchors(uow, folder, chains, found)
    return found


def _pages(uow: UnitOfWork) -> Iterator[list[SealedDocument]]:
    number = 1
    while page := list(chain_from(uow.session, number, _PAGE)):
        yield page
        number = page[-1].number + 1


def _link(row: SealedDocument) -> Link:
    return Link(
        row.number, row.kind.value, row.subject_id, row.report_id, row.sha256, row.previous_chain_sha256
    )


def _check_anchors(uow: UnitOfWork, folder: Path, chains: Mapping[int, str], found: ChainFound) -> None:
    """Every anchor, those of the file too, names a link that is still there and is the same."""
    stated = {(anchor.number, anchor.chain_sha256) for anchor in anchors(uow.session)}
    file = folder / ANCHORS
    for line in file.read_text().splitlines() if file.exists() else ():
        anchor = json.loads(line)
        if not _is_signed(folder, anchor):
            found.faults.append(f"An anchor in {file} does not carry the company's signature.")
            continue
        statement = json.loads(anchor["text"])
        stated.add((statement["number"], statement["chain_sha256"]))
    found.anchors = len(stated)
    for number, chain in sorted(stated):
        if number not in chains:
            found.faults.append(
                f"Document {number} was anchored and is gone: the end of the chain was cut off."
            )
        elif chains[number] != chain:
            found.faults.append(f"Document {number} was anchored with another chain behind it.")


def _is_signed(folder: Path, anchor: Mapping[str, str]) -> bool:
    key = next((key for key in SealFolder(folder).all_keys() if key.name == anchor["key"]), None)
    if key is None:
        return False
    certificate = x509.load_pem_x509_certificate(SealFolder(folder).certificate_file(key).read_bytes())
    signature, text, public = (
        base64.b64decode(anchor["signature"]),
        anchor["text"].encode(),
        certificate.public_key(),
    )
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
