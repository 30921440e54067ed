"""What a sealed document says: the data that is attached to it, printed on it, and named by its fingerprint.

All values are JSON; times are RFC 3339 in UTC, amounts are in minor units. `canonical` of the whole is the
attachment `report.json`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, TypedDict

import rfc8785

FORM = "doorstep-sealed/2"
FORMS = frozenset({"doorstep-sealed/1", FORM})
"""What is sealed, and what is still read: in the first form no line of a list had an id."""
REPORT, MANIFEST, ANSWERS, SIGNATURE = "report.json", "manifest.json", "answers.json", "manifest.jws"
"""What is attached to a sealed file: the data, and what the phone signed."""


LOST = "the file is missing"
"""Why a file is left out that never came."""


class Firm(TypedDict):
    """The letterhead."""

    name: str
    address: str
    contact: str


class Case(TypedDict):
    """Whose work it was, where and on what."""

    work_order: str
    summary: str
    customer: str
    language: str
    address: str
    time_zone: str
    asset: str | None


class Visited(TypedDict):
    """Who came, and when."""

    technician: str | None
    arrived_at: str | None
    started_at: str | None
    finished_at: str | None


class Line(TypedDict):
    """A conduct step and its answer, in words; `waiver` is the file with the customer's own."""

    id: str
    text: str
    answer: str | None
    note: str | None
    waived: str | None
    waiver: str | None


class Part(TypedDict):
    """A part that was used, or came back unused."""

    id: str
    part_id: str
    name: str
    direction: str
    quantity: int
    serial_number: str | None


class Removed(TypedDict):
    """A part that was taken out, and what becomes of it by whose word."""

    id: str
    name: str
    serial_number: str | None
    disposition: str | None
    consented_by: str | None


class Charge(TypedDict):
    """A charge and whether the customer approved it."""

    id: str
    part_id: str | None
    description: str
    quantity: int
    unit_minor: int
    currency: str
    approved: bool


class Card(TypedDict):
    """The customer's feedback."""

    offered: bool
    declined: bool
    punctuality: int | None
    conduct: int | None
    quality: int | None
    cleanliness: int | None
    words: str | None


class Medium(TypedDict):
    """A file of the report; its bytes stay in the store and can be held against the hash.

    `left_out`: why the document does not show it though it is a picture.
    """

    id: str
    kind: str
    sha256: str
    size: int
    type: str
    taken_at: str
    left_out: str | None


class Answer(TypedDict):
    """How the customer's part ended: signed, refused, absent or unanswered."""

    ending: str
    reason: str | None
    name: str | None
    role: str | None
    at: str
    statement: str | None
    language: str | None
    signature: str | None


class Signed(TypedDict):
    """What the phone signed, and the key with which anybody can check it."""

    manifest_sha256: str
    public_key: str
    key_name: str
    valid_from: str
    made_at: str
    received_at: str


class Released(TypedDict):
    """Whose word it is, and why, that files of the report will never come."""

    reason: str
    by: str
    at: str


class Report(TypedDict):
    """The body of a report."""

    findings: str | None
    work_done: str | None
    conduct: list[Line]
    parts: list[Part]
    removed: list[Removed]
    charges: list[Charge]
    card: Card
    media: list[Medium]
    answer: Answer
    signed: Signed | None
    released: Released | None


class Addendum(TypedDict):
    """What is said afterwards, by whom, about which document."""

    number: int
    text: str
    written_by: str
    written_at: str


class Chain(TypedDict):
    """The place of the document among all that the company has sealed; `follows` is what it supersedes."""

    number: int
    previous: str
    follows: str | None


class Content(TypedDict):
    """The whole; exactly one of `report` and `addendum` is there."""

    form: str
    kind: str
    report_id: str
    subject_id: str
    firm: Firm
    case: Case
    visit: Visited
    report: Report | None
    addendum: Addendum | None
    chain: Chain
    sealed_at: str
    verify_url: str


def canonical(document: Any) -> bytes:
    """The one way to write it (RFC 8785)."""
    return rfc8785.dumps(document)


def fingerprint_of(content: bytes) -> str:
    """Sixteen letters and digits that stand for the content: the first ten bytes of its SHA-256, base 32."""
    return base64.b32encode(hashlib.sha256(content).digest()[:10]).decode()


def spoken(fingerprint: str) -> str:
    """A fingerprint in groups of four, as it is printed."""
    return "-".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))
