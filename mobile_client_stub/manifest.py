"""What the customer was shown, as a document that the phone signs before anybody else has it.

The manifest is JSON in canonical form (RFC 8785) and names everything by its SHA-256; its signature is a
detached JWS (RFC 7515, appendix F; ES256). docs/reports.md says what stands in it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import rfc8785

from mobile_client_stub.device_key import key_name, sign_detached
from mobile_client_stub.words import Body, text_of

FORM = "service-report/1"
"""Names the shape of the answers: who changes what is asked takes another number."""

_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "steps": ("id", "answer", "note", "waived_reason", "waiver_media_id"),
    "usages": ("id", "part_id", "direction", "quantity", "serial_number"),
    "removed_parts": ("id", "name", "serial_number", "disposition", "consented_by"),
    "charges": ("id", "description", "part_id", "quantity", "unit_minor", "currency"),
}
_CARD = ("punctuality", "conduct", "quality", "cleanliness", "words", "declined")


@dataclass(frozen=True)
class Seen:
    """The records of a report as the customer saw them on this phone's screen."""

    report: Body
    steps: Iterable[Body]
    usages: Iterable[Body]
    removed_parts: Iterable[Body]
    charges: Iterable[Body]
    card: Body
    media: Iterable[Body]


@dataclass(frozen=True)
class Evidence:
    """What travels with the mutation that closes a report."""

    manifest: str
    answers: str
    signature: str

    @property
    def sha256(self) -> str:
        """The hash of the manifest: the next report of this phone names it."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()

    def as_body(self) -> Body:
        """As it travels."""
        return {"manifest": self.manifest, "answers": self.answers, "signature": self.signature}


def answers_of(seen: Seen) -> str:
    """Everything that was written and listed, in canonical form; lists in the order of their ids."""
    lists = {
        "steps": seen.steps,
        "usages": seen.usages,
        "removed_parts": seen.removed_parts,
        "charges": [charge for charge in seen.charges if charge.get("withdrawn_at") is None],
    }
    answers: Body = {
        "findings": seen.report.get("findings"),
        "work_done": seen.report.get("work_done"),
        "card": {name: seen.card.get(name) for name in _CARD} | {"declined": bool(seen.card.get("declined"))},
    }
    for name, records in lists.items():
        picked = [{field: record.get(field) for field in _ANSWERS[name]} for record in records]
        answers[name] = sorted(picked, key=lambda record: text_of(record, "id"))
    return canonical(answers)


def media_of(seen: Seen) -> list[Body]:
    """Every file of the report by its hash; what the server has rejected is none."""
    lines = [
        {
            "id": text_of(medium, "id"),
            "kind": text_of(medium, "kind"),
            "sha256": text_of(medium, "sha256"),
            "size": medium["size"],
            "type": text_of(medium, "content_type"),
        }
        for medium in seen.media
        if medium.get("state") != "rejected"
    ]
    return sorted(lines, key=lambda line: str(line["id"]))


def signature_of(media: Iterable[Body], medium_id: str) -> Body:
    """Which file is the customer's hand: strokes, or a picture of them."""
    medium = next(line for line in media if line["id"] == medium_id)
    strokes = medium["type"] == "application/json"
    return {
        "medium": medium_id,
        "strokes_sha256": medium["sha256"] if strokes else None,
        "image_sha256": None if strokes else medium["sha256"],
    }


def seal_with(device_key: str, manifest: Body, answers: str) -> Evidence:
    """The manifest in canonical form with the hash of the answers in it, signed by the phone's key."""
    whole = manifest | {"answers_sha256": _hash(answers), "key": key_name(device_key)}
    text = canonical(whole)
    return Evidence(text, answers, sign_detached(device_key, text.encode()))


def canonical(document: object) -> str:
    """The one way to write this JSON (RFC 8785)."""
    # Through JSON first: what the phone keeps may hold types that are equal and written differently.
    return rfc8785.dumps(json.loads(json.dumps(document))).decode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
