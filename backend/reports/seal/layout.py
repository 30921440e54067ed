"""The page a customer keeps: letterhead, what was found and done, photos, charges, signature, fingerprint."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, SimpleDocTemplate, Spacer, Table

from backend.paper.styles import ACCENT, BODY, FRAME, LEAD, SMALL, SOFT, TITLE, text
from backend.reports.seal.blocks import MARGIN, WIDTH, clock, fact, section, span, table
from backend.reports.seal.content import Content, spoken
from backend.reports.seal.drawn import NumberedCanvas, QrCode
from backend.reports.seal.said import conduct, feedback, prose, things
from backend.reports.seal.shown import answer, missing, photos

PADDING = 6  # points, which the library's frame adds by itself

_TITLES: Mapping[str, str] = {"report": "Service report", "addendum": "Addendum to a service report"}
_NOTE = (
    "The company's seal in this file shows that the company issued exactly this, and when. A signature drawn "
    "with a finger is a simple electronic signature: it shows what was drawn, not who held the phone."
)


def lay_out(content: Content, fingerprint: str, files: Mapping[str, Path]) -> bytes:
    """The PDF, not sealed yet. `files`: the bytes of media by id, as far as they are to be shown."""
    made = io.BytesIO()
    letterhead = _Letterhead(content, fingerprint)
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=MARGIN - PADDING,
        rightMargin=MARGIN - PADDING,
        topMargin=36 * mm,
        bottomMargin=20 * mm,
        title=f"{_TITLES[content['kind']]} {content['case']['work_order']}",
        author=content["firm"]["name"],
        subject=f"Fingerprint {spoken(fingerprint)}",
        creator="Doorstep",
        lang="en",
        invariant=1,
        pageCompression=1,
    )
    # The page on which somebody looks for the code has the signature as well.
    end = KeepTogether([*_ending(content, files), *_checking(content, fingerprint)])
    story = [*_opening(content), *_body(content, files), end]
    document.build(story, onFirstPage=letterhead, onLaterPages=letterhead, canvasmaker=NumberedCanvas)
    return made.getvalue()


class _Letterhead:
    """What stands on every page."""

    def __init__(self, content: Content, fingerprint: str) -> None:
        self._firm = content["firm"]
        self._foot = f"{content['case']['work_order']} · {spoken(fingerprint)}"

    def __call__(self, canvas: Canvas, _document: object) -> None:
        top = A4[1] - 16 * mm
        name = text(self._firm["name"], TITLE, bold=True, color=ACCENT)
        _, height = name.wrap(WIDTH * 0.55, 20 * mm)
        name.drawOn(canvas, MARGIN, top - height)
        about = "\n".join(part for part in (self._firm["address"], self._firm["contact"]) if part)
        if about:
            lines = text(about, SMALL, align="right", color=SOFT)
            _, tall = lines.wrap(WIDTH * 0.42, 20 * mm)
            lines.drawOn(canvas, MARGIN + WIDTH * 0.58, top - tall)
        canvas.setStrokeColor(ACCENT)
        canvas.setLineWidth(1.2)
        canvas.line(MARGIN, A4[1] - 32 * mm, MARGIN + WIDTH, A4[1] - 32 * mm)
        foot = text(self._foot, SMALL, color=SOFT)
        foot.wrap(WIDTH * 0.8, 10 * mm)
        foot.drawOn(canvas, MARGIN, 12 * mm)


def _opening(content: Content) -> Iterable[Flowable]:
    case, visit = content["case"], content["visit"]
    zone = case["time_zone"]
    yield text(_TITLES[content["kind"]], LEAD, bold=True)
    yield text(case["summary"], BODY, color=SOFT, language=case["language"])
    yield Spacer(1, 3 * mm)
    facts = {
        "Customer": case["customer"],
        "Work order": case["work_order"],
        "Where": case["address"],
        "Device": case["asset"],
        "Technician": visit["technician"],
        "Arrived": clock(visit["arrived_at"], zone),
        "Work": span(visit["started_at"], visit["finished_at"], zone),
        "Issued": clock(content["sealed_at"], zone),
    }
    known = [(name, value) for name, value in facts.items() if value]
    half = (len(known) + 1) // 2
    left, right = known[:half], [*known[half:], *[("", "")] * (2 * half - len(known))]
    rows = [
        [*fact(one, case["language"]), *fact(other, case["language"])]
        for one, other in zip(left, right, strict=True)
    ]
    yield table(rows, (0.13, 0.37, 0.13, 0.37))


def _body(content: Content, files: Mapping[str, Path]) -> Iterable[Flowable]:
    addendum, report, language = content["addendum"], content["report"], content["case"]["language"]
    if addendum is not None:
        yield from section(
            f"Addendum {addendum['number']}", [text(addendum["text"], BODY, language=language)]
        )
        at = clock(addendum["written_at"], content["case"]["time_zone"])
        by = f"Written by {addendum['written_by']}, {at}."
        yield text(by, SMALL, color=SOFT)
        yield text(
            f"It follows the sealed document with the SHA-256 {content['chain']['follows']}.",
            SMALL,
            color=SOFT,
        )
    if report is not None:
        yield from prose(report, language)
        yield from things(report, language)
        yield from photos(report, files, content["case"]["time_zone"])
        yield from missing(report, content["case"])
        yield from conduct(report, language)
        yield from feedback(report, language)


def _ending(content: Content, files: Mapping[str, Path]) -> Iterable[Flowable]:
    if content["report"] is not None:
        yield from answer(content, content["report"], files)


def _checking(content: Content, fingerprint: str) -> Iterable[Flowable]:
    lines: list[Flowable] = [
        text(f"Fingerprint {spoken(fingerprint)}", BODY, bold=True),
        text(f"Document {content['chain']['number']} of {content['firm']['name']}", SMALL, color=SOFT),
        Spacer(1, 1.5 * mm),
        text(f"Is this file what was issued? Scan the code, or open {content['verify_url']}", SMALL),
        Spacer(1, 1 * mm),
        text(_NOTE, SMALL, color=SOFT),
    ]
    signed = None if content["report"] is None else content["report"]["signed"]
    if signed is not None:
        lines.append(
            text(f"Signed on the phone first: manifest {signed['manifest_sha256']}", SMALL, color=SOFT)
        )
    elif content["report"] is not None:
        lines.append(text("This report carries no signature of a phone.", SMALL, color=SOFT))
    code = QrCode(f"{content['verify_url']}?f={fingerprint}", 30 * mm)
    table = Table([[code, lines]], colWidths=[36 * mm, WIDTH - 36 * mm], style=FRAME)
    yield Spacer(1, 6 * mm)
    yield table
