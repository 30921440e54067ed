"""Reading what a phone signed of a report, and comparing it with what stands here: pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import rfc8785
from marshmallow import ValidationError

from schemas.attachments import MediaKind
from schemas.errors import DomainError, JsonValue
from schemas.manifest import Ending, ReportManifestShape
from schemas.reports import SignerRole

STROKES = "application/json"


class EvidenceMissing(DomainError):
    """A phone with a key closes a report without its signed manifest."""

    title = "The signed manifest is missing."


class EvidenceRefused(DomainError):
    """The manifest is not what this phone can have signed of this report; `faults` says all that differs."""

    title = "The signed manifest does not fit this report."


@dataclass(frozen=True)
class SignedMedium:
    """One file of a manifest."""

    id: UUID
    kind: MediaKind
    sha256: str
    size: int
    type: str


@dataclass(frozen=True)
class SignedManifest:
    """A manifest that was read; `made_at` is the phone's time, put right by what it knew of its clock."""

    text: str
    sha256: str
    report_id: UUID
    visit_id: UUID
    technician_id: UUID
    device_id: UUID
    key: str
    ending: Ending
    reason: str | None
    signer_name: str | None
    signer_role: SignerRole | None
    signature_media_id: UUID | None
    signature_hashes: tuple[str | None, str | None]
    statement: Mapping[str, str]
    media: Sequence[SignedMedium]
    made_at: datetime
    previous: str | None
    answers: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Claimed:
    """What the mutation says beside the manifest."""

    ending: Ending
    reason: str | None = None
    signer_name: str | None = None
    signer_role: SignerRole | None = None
    signature_media_id: UUID | None = None


def read_manifest(manifest: str, answers: str) -> SignedManifest:
    """The manifest and its answers; raises EvidenceRefused unless both are whole and in canonical form."""
    document, given = _canonical("manifest", manifest), _canonical("answers", answers)
    try:
        fields: dict[str, Any] = dict(ReportManifestShape().load(document))
    except ValidationError as error:
        raise EvidenceRefused("Update the app: its manifests cannot be read.", faults=_paths(error)) from None
    if fields["answers_sha256"] != sha256_of(answers):
        raise EvidenceRefused("The answers are not those of the manifest.", faults=["answers"])
    if not isinstance(given, dict):
        raise EvidenceRefused("The answers are not an object.", faults=["answers"])
    signer, hand, clock = fields["signer"] or {}, fields["signature"] or {}, fields["clock"]
    ahead = timedelta(milliseconds=clock["ahead_milliseconds"] or 0)
    try:
        made_at = clock["device"] - ahead
    except OverflowError:
        made_at = clock["device"]
    return SignedManifest(
        text=manifest,
        sha256=sha256_of(manifest),
        report_id=fields["report"],
        visit_id=fields["visit"],
        technician_id=fields["technician"],
        device_id=fields["device"],
        key=fields["key"],
        ending=fields["ending"],
        reason=fields["reason"],
        signer_name=signer.get("name"),
        signer_role=signer.get("role"),
        signature_media_id=hand.get("medium"),
        signature_hashes=(hand.get("strokes_sha256"), hand.get("image_sha256")),
        statement=fields["statement"] or {},
        media=[SignedMedium(**medium) for medium in fields["media"]],
        made_at=made_at,
        previous=fields["previous"],
        answers=given,
    )


def claim_faults(manifest: SignedManifest, claimed: Claimed) -> list[str]:
    """Where manifest and mutation say different things."""
    pairs: Mapping[str, tuple[object, object]] = {
        "ending": (manifest.ending, claimed.ending),
        "reason": (as_stored(manifest.reason), claimed.reason),
        "signer.name": (as_stored(manifest.signer_name), claimed.signer_name),
        "signer.role": (manifest.signer_role, claimed.signer_role),
        "signature.medium": (manifest.signature_media_id, claimed.signature_media_id),
    }
    return [name for name, (signed, said) in pairs.items() if signed != said]


def media_faults(manifest: SignedManifest, here: Mapping[UUID, SignedMedium]) -> list[str]:
    """Files that were never announced for this visit, or announced as other ones; and a hand that is none."""
    faults = [f"media.{medium.id}" for medium in manifest.media if here.get(medium.id) != medium]
    if len({medium.id for medium in manifest.media}) != len(manifest.media):
        faults.append("media")
    if manifest.signature_media_id is None:
        return faults
    hand = next((medium for medium in manifest.media if medium.id == manifest.signature_media_id), None)
    if hand is None:
        return [*faults, "signature.medium"]
    hashes = (hand.sha256, None) if hand.type == STROKES else (None, hand.sha256)
    return faults if hashes == manifest.signature_hashes else [*faults, "signature.sha256"]


def answer_faults(signed: Mapping[str, JsonValue], stored: Mapping[str, JsonValue]) -> list[str]:
    """Where what the customer was shown differs from what stands here; texts as they are stored."""
    names = sorted(signed.keys() | stored.keys())
    return [f"answers.{name}" for name in names if as_stored(signed.get(name)) != stored.get(name)]


def as_stored(value: Any) -> Any:
    """A value as the shapes would have stored it: texts in NFC, without space around them."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip(" \n\t").strip()
    if isinstance(value, dict):
        return {name: as_stored(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_stored(item) for item in value]
    return value


def canonical(document: JsonValue) -> str:
    """A document in the one form that is hashed (RFC 8785)."""
    return rfc8785.dumps(document).decode()


def sha256_of(text: str) -> str:
    """64 lower-case hexadecimal digits, of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(what: str, text: str) -> Any:
    try:
        document = json.loads(text)
        whole = rfc8785.dumps(document) == text.encode()
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        whole, document = False, None
    if not whole:
        raise EvidenceRefused(f"The {what} is not JSON in canonical form (RFC 8785).", faults=[what])
    return document


def _paths(error: ValidationError) -> list[str]:
    return sorted(f"manifest.{name}" for name in error.messages_dict)
