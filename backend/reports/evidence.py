"""What a phone signed of a report, held against what stands here: taken whole, or refused with reasons."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from backend.access.actor import Actor
from backend.access.device_keys import verify_detached
from backend.access.queries import KnownKey, has_key, key_of_device
from backend.access.reach import ever_had_visit
from backend.attachments.queries import media_of_visit
from backend.db.unit_of_work import UnitOfWork
from backend.reports.models import DeviceManifest, ServiceReport
from backend.reports.queries import is_manifest_known, last_manifest_of, stored_answers
from backend.reports.rules import (
    Claimed,
    EvidenceMissing,
    EvidenceRefused,
    SignedManifest,
    SignedMedium,
    answer_faults,
    claim_faults,
    media_faults,
    read_manifest,
)
from schemas.manifest import JWS_TYPE
from sync.inbox import note_for_inbox

CHAIN_GAP = "report-chain-gap"


class EvidenceFields(TypedDict):
    """What travels with the end of a report."""

    manifest: str
    answers: str
    signature: str


def take_evidence(
    uow: UnitOfWork, actor: Actor, report: ServiceReport, claimed: Claimed, given: EvidenceFields | None
) -> SignedManifest | None:
    """Check and keep what the phone signed; None when nobody owes anything (no phone, or one without a key).

    Raises EvidenceMissing, EvidenceRefused. What was shown on the phone and what stands here must be the
    same, also when somebody else changed it meanwhile: nobody signed what stands here then.
    """
    if given is None:
        if actor.device_id is not None and has_key(uow.session, actor.device_id):
            raise EvidenceMissing("Update the app: it must send a signed manifest with the end of a report.")
        return None
    manifest = read_manifest(given["manifest"], given["answers"])
    key = _key_of(uow, actor, manifest, given["signature"])
    here = {
        medium.id: SignedMedium(medium.id, medium.kind, medium.sha256, medium.size, medium.content_type)
        for medium in media_of_visit(uow.session, report.visit_id)
    }
    faults = [
        *_subject_faults(uow, report, manifest, key),
        *claim_faults(manifest, claimed),
        *media_faults(manifest, here),
        *answer_faults(manifest.answers, stored_answers(uow.session, report)),
    ]
    if faults:
        raise EvidenceRefused(
            f"Show the customer the report as it is now and let them answer again. It differs in: "
            f"{', '.join(faults[:20])}.",
            faults=faults,
        )
    _mind_the_chain(uow, manifest)
    uow.add(
        DeviceManifest(
            report_id=report.id,
            device_id=manifest.device_id,
            key_name=manifest.key,
            sha256=manifest.sha256,
            previous_sha256=manifest.previous,
            manifest=manifest.text,
            answers=given["answers"],
            signature=given["signature"],
            made_at=manifest.made_at,
            received_at=uow.now,
        )
    )
    return manifest


def _key_of(uow: UnitOfWork, actor: Actor, manifest: SignedManifest, signature: str) -> KnownKey:
    """The key that signed, and was the phone's own at that time. Raises EvidenceRefused."""
    if actor.device_id not in (None, manifest.device_id):
        raise EvidenceRefused("Another phone's manifest was sent.", faults=["manifest.device"])
    key = key_of_device(uow.session, manifest.device_id, manifest.key)
    if key is None:
        raise EvidenceRefused("The key of the manifest was never this phone's.", faults=["manifest.key"])
    header = {"alg": "ES256", "kid": manifest.key, "typ": JWS_TYPE}
    if not verify_detached(key.public_key, signature, manifest.text.encode(), header):
        raise EvidenceRefused("The signature is not this phone's.", faults=["signature"])
    if key.valid_until is not None and manifest.made_at >= key.valid_until:
        raise EvidenceRefused(
            "The phone was revoked, or took another key, before this was signed.", faults=["manifest.clock"]
        )
    return key


def _subject_faults(
    uow: UnitOfWork, report: ServiceReport, manifest: SignedManifest, key: KnownKey
) -> list[str]:
    faults: list[str] = []
    if manifest.report_id != report.id:
        faults.append("manifest.report")
    if manifest.visit_id != report.visit_id:
        faults.append("manifest.visit")
    of_user: UUID = key.user_id
    if manifest.technician_id != of_user or not ever_had_visit(uow.session, of_user, report.visit_id):
        faults.append("manifest.technician")
    return faults


def _mind_the_chain(uow: UnitOfWork, manifest: SignedManifest) -> None:
    """A person is told when the phone's last report before this one is not here."""
    last = last_manifest_of(uow.session, manifest.device_id)
    if manifest.previous == last:
        return
    if manifest.previous is not None and is_manifest_known(uow.session, manifest.previous):
        detail = "It names an earlier report of this phone than the last one: is there a copy of the phone?"
    else:
        detail = "It names a report before it that is not here: it was refused, or is still to come."
    note_for_inbox(uow, CHAIN_GAP, "Between this report and the one before is a gap.", detail)
