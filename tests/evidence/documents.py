"""Sealed files without a server: what a phone signed, pressed and sealed, one like no other."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from backend.access.device_keys import key_name
from backend.reports.seal.content import FORM
from backend.reports.seal.press import Press
from mobile_client_stub.device_key import new_key, public_half
from mobile_client_stub.manifest import FORM as ANSWERS_FORM
from mobile_client_stub.manifest import Evidence, Seen, answers_of, media_of, seal_with, signature_of

DEVICE_KEY = new_key()
AT = "2026-03-02T10:05:00.000000Z"
WORDS = [
    "seal",
    "pump",
    "valve",
    "worn",
    "leak",
    "tested",
    "cleaned",
    "pressure",
    "boiler",
    "filter",
    "changed",
    "gasket",
    "更换",
    "密封圈",
    "测试",
]


def job_of(number: int, dice: random.Random, folder: Path, photos: Sequence[bytes] = ()) -> dict[str, Any]:
    """What goes to the press for the sealed report of that number, with those photos of the work.

    The files lie in the folder by their SHA-256.
    """
    ids = [str(UUID(int=dice.getrandbits(128), version=4)) for _ in range(6)]
    report = {
        "id": ids[0],
        "findings": " ".join(dice.choices(WORDS, k=20)),
        "work_done": " ".join(dice.choices(WORDS, k=30)),
    }
    end = [number % 500 + 20, number // 500 % 100 + 90]  # no two reports have the same ink
    ink = f'{{"width": 600, "height": 200, "strokes": [[[10, 50], {end}]]}}'.encode()
    media = [_medium(ids[2], "signature", ink, "application/json")]
    for photo in photos:
        medium_id = str(UUID(int=dice.getrandbits(128), version=4))
        media.append(_medium(medium_id, "after", photo, "image/jpeg"))
    for medium, content in zip(media, (ink, *photos), strict=True):
        (folder / medium["sha256"]).write_bytes(content)
    seen = _seen(dice, report, media)
    evidence = _evidence(ids, seen)
    return {
        "do": "seal",
        "content": _content(number, ids, seen, evidence),
        "files": {medium["id"]: str(folder / medium["sha256"]) for medium in media},
        "attached": {
            "manifest.json": evidence.manifest,
            "answers.json": evidence.answers,
            "manifest.jws": evidence.signature,
        },
        "out": str(folder / f"{number}.pdf"),
    }


def sealed_files(
    press: Press, numbers: Iterable[int], dice: random.Random, folder: Path, photos: Sequence[bytes] = ()
) -> list[bytes]:
    """The sealed reports of those numbers, made one after the other.

    Every second one has one to three of the photos, each another one; all have a drawn signature.
    """
    files = []
    for number in numbers:
        taken = dice.sample(photos, dice.randint(1, 3)) if photos and number % 2 == 0 else []
        job = job_of(number, dice, folder, taken)
        answer = press.do(job)
        assert "error" not in answer, answer
        files.append(Path(job["out"]).read_bytes())
    return files


def _medium(medium_id: str, kind: str, content: bytes, content_type: str) -> dict[str, Any]:
    return {
        "id": medium_id,
        "kind": kind,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "content_type": content_type,
    }


def _seen(dice: random.Random, report: dict[str, Any], media: list[dict[str, Any]]) -> Seen:
    """What the customer saw: two steps, one of them waived, a part used, one taken out, a charge, a card."""
    step, waived, usage, part, removed, charge = (
        str(UUID(int=dice.getrandbits(128), version=4)) for _ in range(6)
    )
    nothing = {"note": None, "waived_reason": None, "waiver_media_id": None}
    return Seen(
        report,
        [
            {"id": step, "answer": "no", **nothing, "note": "A wall was in the way."},
            {
                "id": waived,
                "answer": None,
                **nothing,
                "waived_reason": "Never mind.",
                "waiver_media_id": step,
            },
        ],
        [{"id": usage, "part_id": part, "direction": "used", "quantity": 2, "serial_number": "S-1"}],
        [
            {
                "id": removed,
                "name": "Old seal",
                "serial_number": None,
                "disposition": "dispose",
                "consented_by": "Ada",
            }
        ],
        [
            {
                "id": charge,
                "description": "Seal",
                "part_id": part,
                "quantity": 2,
                "unit_minor": dice.randrange(100, 9_999),
                "currency": "EUR",
            }
        ],
        {"quality": 5, "words": "Friendly."},
        media,
    )


def _evidence(ids: list[str], seen: Seen) -> Evidence:
    media = media_of(seen)
    manifest = {
        "kind": "doorstep-report-manifest",
        "form": ANSWERS_FORM,
        "report": ids[0],
        "visit": ids[1],
        "technician": ids[3],
        "device": ids[4],
        "ending": "signed",
        "reason": None,
        "statement": {"text": "I have read this report.", "language": "en"},
        "signer": {"name": "Ada Lindgren", "role": "customer"},
        "signature": signature_of(media, ids[2]),
        "media": media,
        "clock": {"device": AT, "last_contact": None, "ahead_milliseconds": 0},
        "previous": None,
    }
    return seal_with(DEVICE_KEY, manifest, answers_of(seen))


def _content(number: int, ids: list[str], seen: Seen, evidence: Evidence) -> dict[str, Any]:
    public = public_half(DEVICE_KEY)
    card = dict.fromkeys(("punctuality", "conduct", "quality", "cleanliness", "words")) | seen.card
    report, signature = seen.report, seen.media[0]
    return {
        "form": FORM,
        "kind": "report",
        "report_id": ids[0],
        "subject_id": ids[0],
        "firm": {"name": "Hearth & Home", "address": "14 Quay Street", "contact": "help@hearth.example"},
        "case": {
            "work_order": f"WO-{number:06}",
            "summary": "Yearly service",
            "customer": "Ada Lindgren",
            "language": "en",
            "address": "12 Rosemary Lane, Ipswich",
            "time_zone": "Europe/London",
            "asset": None,
        },
        "visit": {"technician": "Tom", "arrived_at": AT, "started_at": AT, "finished_at": AT},
        "report": {
            "findings": report["findings"],
            "work_done": report["work_done"],
            "conduct": [
                {
                    "id": step["id"],
                    "text": "Is all as it was?",
                    "answer": step["answer"],
                    "note": step["note"],
                    "waived": step["waived_reason"],
                    "waiver": step["waiver_media_id"],
                }
                for step in seen.steps
            ],
            "parts": [{"name": "Seal", **usage} for usage in seen.usages],
            "removed": [*seen.removed_parts],
            "charges": [{**charge, "approved": True} for charge in seen.charges],
            "card": {"offered": True, "declined": False, **card},
            "media": [
                {
                    "id": medium["id"],
                    "kind": medium["kind"],
                    "sha256": medium["sha256"],
                    "size": medium["size"],
                    "type": medium["content_type"],
                    "taken_at": AT,
                    "left_out": None,
                }
                for medium in seen.media
            ],
            "answer": {
                "ending": "signed",
                "reason": None,
                "name": "Ada Lindgren",
                "role": "customer",
                "at": AT,
                "statement": "I have read this report.",
                "language": "en",
                "signature": signature["id"],
            },
            "signed": {
                "manifest_sha256": evidence.sha256,
                "key_name": key_name(public),
                "public_key": public,
                "valid_from": AT,
                "made_at": AT,
                "received_at": AT,
            },
            "released": None,
        },
        "addendum": None,
        "chain": {"number": number, "previous": "0" * 64, "follows": None},
        "sealed_at": AT,
        "verify_url": "https://field.example/verify",
    }
