"""Whether what a document says is what the phone signed: asked before a seal, and of every sealed file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from backend.access.device_keys import verify_detached
from backend.reports.rules.evidence import EvidenceRefused, SignedManifest, as_stored, read_manifest
from backend.reports.seal.content import ANSWERS, FORM, MANIFEST, SIGNATURE
from schemas.manifest import JWS_TYPE, Ending

_LISTS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "charges": (
        "charges",
        "charges",
        {name: name for name in ("id", "part_id", "description", "quantity", "unit_minor", "currency")},
    ),
    "removed parts": (
        "removed",
        "removed_parts",
        {name: name for name in ("id", "name", "serial_number", "disposition", "consented_by")},
    ),
    "used parts": (
        "parts",
        "usages",
        {name: name for name in ("id", "part_id", "direction", "quantity", "serial_number")},
    ),
    "answers": (
        "conduct",
        "steps",
        {
            "id": "id",
            "answer": "answer",
            "note": "note",
            "waived": "waived_reason",
            "waiver": "waiver_media_id",
        },
    ),
}
"""What a fault calls it: its name in the report, in the phone's answers, and the fields by both names."""

_MORE_IN_THE_FIRST_FORM = frozenset({"used parts"})
"""Lists of which the first form also told what came in between signature and seal."""
_NOT_IN_THE_FIRST_FORM = frozenset({"id", "part_id", "waiver"})


def signed_faults(content: Mapping[str, Any], attached: Mapping[str, bytes]) -> list[str]:
    """In words what of a report is not as the phone signed it, or not signed by the key that the data name.

    `attached` are the files of the document by name. Empty when all of it agrees, and when the report was
    signed by no phone. Texts count as the server stores them (NFC, trimmed), lists in any order. The phone
    signs no names of catalogue parts, no words of conduct rules, no address, and nobody's name but the
    signer's: those are the company's word.
    """
    report = content["report"]
    signed = None if report is None else report["signed"]
    if signed is None:
        return []
    if not {MANIFEST, ANSWERS, SIGNATURE} <= attached.keys():
        return ["What the phone signed is missing in the file."]
    manifest = attached[MANIFEST].decode()
    try:
        read = read_manifest(manifest, attached[ANSWERS].decode())
    except EvidenceRefused as refused:
        return [f"What the phone signed cannot be read: {refused.detail}"]
    header = {"alg": "ES256", "kid": signed["key_name"], "typ": JWS_TYPE}
    good = verify_detached(signed["public_key"], attached[SIGNATURE].decode(), manifest.encode(), header)
    faults = {
        "The phone's signature is not good.": not good,
        "The phone signed another report.": str(read.report_id) != content["report_id"],
        "The phone's manifest is another one.": read.sha256 != signed["manifest_sha256"],
        "The phone signed other files.": _files_signed(read) != _files_written(report),
        "The phone signed other words.": _differ(report, read.answers, ("findings", "work_done")),
        **{f"The phone signed other {what}.": _lists_differ(content, read, what) for what in _LISTS},
        "The phone signed another card.": _differ(report["card"], read.answers["card"]),
        "The phone signed another ending, signer or statement.": _ends(report["answer"])
        != _ends_signed(read),
        "The approval of the charges is not what was signed.": any(
            charge["approved"] is not (read.ending is Ending.SIGNED) for charge in report["charges"]
        ),
    }
    return [fault for fault, found in faults.items() if found]


def _files_written(report: Mapping[str, Any]) -> set[tuple[object, ...]]:
    return {
        (each["id"], each["kind"], each["sha256"], each["size"], each["type"]) for each in report["media"]
    }


def _files_signed(read: SignedManifest) -> set[tuple[object, ...]]:
    return {(str(each.id), each.kind.value, each.sha256, each.size, each.type) for each in read.media}


def _differ(written: Mapping[str, Any], signed: Any, names: Sequence[str] | None = None) -> bool:
    return any(written[name] != as_stored(signed[name]) for name in names or signed)


def _lists_differ(content: Mapping[str, Any], read: SignedManifest, what: str) -> bool:
    here, there, fields = _LISTS[what]
    if content["form"] != FORM:
        fields = {one: other for one, other in fields.items() if one not in _NOT_IN_THE_FIRST_FORM}
    signed: Any = read.answers[there]
    written = Counter(repr([line[name] for name in fields]) for line in content["report"][here])
    shown = Counter(repr([as_stored(line[name]) for name in fields.values()]) for line in signed)
    if content["form"] != FORM and what in _MORE_IN_THE_FIRST_FORM:
        return bool(shown - written)
    return written != shown


def _ends(answer: Mapping[str, Any]) -> list[object]:
    names = ("ending", "reason", "name", "role", "statement", "language", "signature")
    return [as_stored(answer[name]) for name in names]


def _ends_signed(read: SignedManifest) -> list[object]:
    said = read.statement
    role = None if read.signer_role is None else read.signer_role.value
    hand = None if read.signature_media_id is None else str(read.signature_media_id)
    signer = (read.ending.value, read.reason, read.signer_name, role)
    return [as_stored(each) for each in (*signer, said.get("text"), said.get("language"), hand)]
