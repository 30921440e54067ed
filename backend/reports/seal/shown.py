"""What a report shows: its photos, the files that are missing, the customer's answer and hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Table

from backend.paper.styles import BODY, PHOTOS, SMALL, SOFT, text
from backend.reports.seal.blocks import WIDTH, clock, headed, section
from backend.reports.seal.content import LOST, Case, Content, Medium, Report
from backend.reports.seal.drawn import Caption, Hand, NoPicture, photo_of

PHOTOS_IN_A_ROW = 3

_ENDINGS: Mapping[str, str] = {
    "refused": "The customer did not sign",
    "absent": "Nobody was there to sign",
    "unanswered": "Closed by the office without an answer of the customer",
}
_KINDS: Mapping[str, str] = {"before": "Before", "after": "After", "document": "Document", "other": "Photo"}


def photos(report: Report, files: Mapping[str, Path], zone: str) -> Iterable[Flowable]:
    """All files but the signature, in rows, each with its hash."""
    shown = [medium for medium in report["media"] if medium["kind"] != "signature"]
    if not shown:
        return
    width = WIDTH / PHOTOS_IN_A_ROW
    rows = []
    for at in range(0, len(shown), PHOTOS_IN_A_ROW):
        row = [_photo(each, files, width - 4 * mm, zone) for each in shown[at : at + PHOTOS_IN_A_ROW]]
        row += [([], [])] * (PHOTOS_IN_A_ROW - len(row))
        rows.append(Table([*zip(*row, strict=True)], colWidths=[width] * PHOTOS_IN_A_ROW, style=PHOTOS))
    yield from section("Photos", rows)


def missing(report: Report, case: Case) -> Iterable[Flowable]:
    """Whose word it is that files will never come."""
    released = report.get("released")  # not in documents of the first form
    if released is None:
        return
    count = sum(medium["left_out"] == LOST for medium in report["media"])
    said = [
        text(f"{count} of {len(report['media'])} files are missing, and will not come.", BODY, bold=True),
        text(released["reason"], BODY, language=case["language"]),
        text(f"{released['by']}, {clock(released['at'], case['time_zone'])}", SMALL, color=SOFT),
    ]
    yield from section("Missing files", said)


def answer(content: Content, report: Report, files: Mapping[str, Path]) -> Iterable[Flowable]:
    """The signature over its statement, or why there is none."""
    given, zone = report["answer"], content["case"]["time_zone"]
    if given["ending"] != "signed":
        reason = text(given["reason"] or "", BODY, language=content["case"]["language"])
        yield from headed(
            _ENDINGS[given["ending"]], [reason, text(clock(given["at"], zone), SMALL, color=SOFT)]
        )
        return
    parts: list[Flowable] = []
    if given["statement"]:
        parts.append(text(given["statement"], BODY, language=given["language"] or ""))
    parts.append(Hand(files.get(given["signature"] or ""), 70 * mm, 24 * mm))
    parts += [
        text(_left_out(medium), SMALL, bold=True)
        for medium in report["media"]
        if medium["id"] == given["signature"] and medium["left_out"]
    ]
    signed = f"{given['name']} ({given['role']}), {clock(given['at'], zone)}"
    parts.append(text(signed, BODY, bold=True, language=content["case"]["language"]))
    yield from headed("Signature", parts)


def _photo(
    medium: Medium, files: Mapping[str, Path], width: float, zone: str
) -> tuple[list[Flowable], list[Flowable]]:
    """The picture, and what stands below it: in rows of their own, so that all words of a row are level."""
    label = f"{_KINDS.get(medium['kind'], 'File')}, {clock(medium['taken_at'], zone)}"
    if medium["left_out"]:
        picture: Flowable = NoPicture("left out", width, 23 * mm)
    else:
        picture = photo_of(files.get(medium["id"]), width, 46 * mm, medium["type"])
    lacks = [text(_left_out(medium), SMALL, bold=True)] if medium["left_out"] else []
    return [picture], [text(label, SMALL), *lacks, Caption(f"SHA-256 {medium['sha256'][:16]}…")]


def _left_out(medium: Medium) -> str:
    return f"Left out: {medium['left_out']}."
