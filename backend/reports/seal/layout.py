"""The page a customer keeps: letterhead, what was found and done, photos, charges, signature, fingerprint."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, SimpleDocTemplate, Spacer, Table

from backend.paper.styles import (
    ACCENT,
    BODY,
    FRAME,
    HEADING,
    LEAD,
    LINE,
    PHOTOS,
    SMALL,
    SOFT,
    TITLE,
    text,
)
from backend.reports.seal.amounts import amount
from backend.reports.seal.content import LOST, Case, Content, Medium, Report, spoken
from backend.reports.seal.drawn import Caption, Hand, NoPicture, NumberedCanvas, QrCode, photo_of

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
PADDING = 6  # points, which the library's frame adds by itself
PHOTOS_IN_A_ROW = 3

_TITLES: Mapping[str, str] = {"report": "Service report", "addendum": "Addendum to a service report"}
_ENDINGS: Mapping[str, str] = {
    "refused": "The customer did not sign",
    "absent": "Nobody was there to sign",
    "unanswered": "Closed by the office without an answer of the customer",
}
_DISPOSITIONS: Mapping[str | None, str] = {
    "keep": "stays with the customer",
    "return": "goes back to the supplier or us",
    "dispose": "is disposed of by us",
    None: "not settled",
}
_ANSWERS: Mapping[str | None, str] = {"yes": "yes", "no": "no", "not_applicable": "does not apply", None: "–"}
_KINDS: Mapping[str, str] = {"before": "Before", "after": "After", "document": "Document", "other": "Photo"}
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
    story = [*_opening(content), *_body(content, files), *_checking(content, fingerprint)]
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
        "Arrived": _clock(visit["arrived_at"], zone),
        "Work": _span(visit["started_at"], visit["finished_at"], zone),
        "Issued": _clock(content["sealed_at"], zone),
    }
    known = [(name, value) for name, value in facts.items() if value]
    half = (len(known) + 1) // 2
    left, right = known[:half], [*known[half:], *[("", "")] * (2 * half - len(known))]
    rows = [
        [*_fact(one, case["language"]), *_fact(other, case["language"])]
        for one, other in zip(left, right, strict=True)
    ]
    yield _table(rows, (0.13, 0.37, 0.13, 0.37))


def _body(content: Content, files: Mapping[str, Path]) -> Iterable[Flowable]:
    addendum, report, language = content["addendum"], content["report"], content["case"]["language"]
    if addendum is not None:
        yield from _section(
            f"Addendum {addendum['number']}", [text(addendum["text"], BODY, language=language)]
        )
        at = _clock(addendum["written_at"], content["case"]["time_zone"])
        by = f"Written by {addendum['written_by']}, {at}."
        yield text(by, SMALL, color=SOFT)
        yield text(
            f"It follows the sealed document with the SHA-256 {content['chain']['follows']}.",
            SMALL,
            color=SOFT,
        )
    if report is not None:
        yield from _prose(report, language)
        yield from _things(report, language)
        yield from _photos(report, files, content["case"]["time_zone"])
        yield from _missing(report, content["case"])
        yield from _conduct(report, language)
        yield from _feedback(report, language)
        yield from _answer(content, report, files)


def _prose(report: Report, language: str) -> Iterable[Flowable]:
    for heading, said in (("What was found", report["findings"]), ("What was done", report["work_done"])):
        if said:
            yield from _section(heading, [text(said, BODY, language=language)])


def _things(report: Report, language: str) -> Iterable[Flowable]:
    used = [part for part in report["parts"] if part["direction"] == "used"]
    if used:
        rows = [
            [
                _cell(part["name"], language),
                _cell(part["serial_number"] or ""),
                _number(str(part["quantity"])),
            ]
            for part in used
        ]
        yield from _section(
            "Parts used", [_table(rows, (0.6, 0.28, 0.12), heads=("Part", "Serial number", "Quantity"))]
        )
    if report["removed"]:
        rows = [
            [
                _cell(_with_serial(part["name"], part["serial_number"]), language),
                _cell(_DISPOSITIONS[part["disposition"]]),
                _cell(part["consented_by"] or "–", language),
            ]
            for part in report["removed"]
        ]
        heads = ("Part taken out", "What becomes of it", "By the word of")
        yield from _section("Parts removed", [_table(rows, (0.42, 0.33, 0.25), heads=heads)])
    if report["charges"]:
        yield from _section("Charges", [_charges(report, language)])


def _charges(report: Report, language: str) -> Table:
    currency = report["charges"][0]["currency"]
    rows = [
        [
            _cell(charge["description"], language),
            _number(str(charge["quantity"])),
            _number(amount(charge["unit_minor"], charge["currency"])),
            _number(amount(charge["quantity"] * charge["unit_minor"], charge["currency"])),
        ]
        for charge in report["charges"]
    ]
    approved = all(charge["approved"] for charge in report["charges"])
    total = sum(charge["quantity"] * charge["unit_minor"] for charge in report["charges"])
    said = "Approved by the customer" if approved else "Not approved by the customer"
    sum_of_all = _number(amount(total, currency), bold=True)
    rows.append([_cell(said, bold=True), _cell(""), _number("Total", bold=True), sum_of_all])
    return _table(rows, (0.5, 0.12, 0.19, 0.19), heads=("Charge", "Quantity", "Each", "Sum"), total=True)


def _photos(report: Report, files: Mapping[str, Path], zone: str) -> Iterable[Flowable]:
    shown = [medium for medium in report["media"] if medium["kind"] != "signature"]
    if not shown:
        return
    width = WIDTH / PHOTOS_IN_A_ROW
    cells = [_photo(medium, files, width - 4 * mm, zone) for medium in shown]
    cells += [[] for _ in range(-len(cells) % PHOTOS_IN_A_ROW)]
    rows = [cells[at : at + PHOTOS_IN_A_ROW] for at in range(0, len(cells), PHOTOS_IN_A_ROW)]
    yield from _section(
        "Photos", [Table([row], colWidths=[width] * PHOTOS_IN_A_ROW, style=PHOTOS) for row in rows]
    )


def _photo(medium: Medium, files: Mapping[str, Path], width: float, zone: str) -> list[Flowable]:
    label = f"{_KINDS.get(medium['kind'], 'File')}, {_clock(medium['taken_at'], zone)}"
    if medium["left_out"]:
        picture: Flowable = NoPicture("left out", width, 23 * mm)
    else:
        picture = photo_of(files.get(medium["id"]), width, 46 * mm, medium["type"])
    missing = [text(_left_out(medium), SMALL, bold=True)] if medium["left_out"] else []
    return [picture, text(label, SMALL), *missing, Caption(f"SHA-256 {medium['sha256'][:16]}…")]


def _missing(report: Report, case: Case) -> Iterable[Flowable]:
    """Whose word it is that files will never come."""
    released = report.get("released")  # not in documents of the first form
    if released is None:
        return
    count = sum(medium["left_out"] == LOST for medium in report["media"])
    said = [
        text(f"{count} of {len(report['media'])} files are missing, and will not come.", BODY, bold=True),
        text(released["reason"], BODY, language=case["language"]),
        text(f"{released['by']}, {_clock(released['at'], case['time_zone'])}", SMALL, color=SOFT),
    ]
    yield from _section("Missing files", said)


def _left_out(medium: Medium) -> str:
    return f"Left out: {medium['left_out']}."


def _conduct(report: Report, language: str) -> Iterable[Flowable]:
    rows = []
    for line in report["conduct"]:
        said = f"waived: {line['waived']}" if line["waived"] else _ANSWERS[line["answer"]]
        note = f" ({line['note']})" if line["note"] else ""
        if line["answer"] or line["waived"]:
            rows.append([_cell(line["text"], language), _cell(said + note, language)])
    if rows:
        yield from _section("How we worked", [_table(rows, (0.72, 0.28))])


def _feedback(report: Report, language: str) -> Iterable[Flowable]:
    card = report["card"]
    if not card["offered"]:
        return
    said = "The card was offered; the customer did not want it."
    if not card["declined"]:
        scores: list[tuple[str, int | None]] = [
            ("punctuality", card["punctuality"]),
            ("conduct", card["conduct"]),
            ("quality", card["quality"]),
            ("cleanliness", card["cleanliness"]),
        ]
        given = [f"{name.capitalize()} {score} of 5" for name, score in scores if score is not None]
        said = " · ".join(given)
    words = [text(f"“{card['words']}”", BODY, language=language)] if card["words"] else []
    yield from _section("The customer's feedback", [*([text(said, BODY)] if said else []), *words])


def _answer(content: Content, report: Report, files: Mapping[str, Path]) -> Iterable[Flowable]:
    answer, zone = report["answer"], content["case"]["time_zone"]
    if answer["ending"] != "signed":
        reason = text(answer["reason"] or "", BODY, language=content["case"]["language"])
        yield from _section(
            _ENDINGS[answer["ending"]], [reason, text(_clock(answer["at"], zone), SMALL, color=SOFT)]
        )
        return
    parts: list[Flowable] = []
    if answer["statement"]:
        parts.append(text(answer["statement"], BODY, language=answer["language"] or ""))
    parts.append(Hand(files.get(answer["signature"] or ""), 70 * mm, 24 * mm))
    parts += [
        text(_left_out(medium), SMALL, bold=True)
        for medium in report["media"]
        if medium["id"] == answer["signature"] and medium["left_out"]
    ]
    signed = f"{answer['name']} ({answer['role']}), {_clock(answer['at'], zone)}"
    parts.append(text(signed, BODY, bold=True, language=content["case"]["language"]))
    yield from _section("Signature", parts)


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
    yield KeepTogether([table])


def _section(heading: str, parts: Sequence[Flowable]) -> Iterable[Flowable]:
    yield CondPageBreak(26 * mm)
    yield Spacer(1, 4.5 * mm)
    first, *rest = parts
    yield KeepTogether([text(heading, HEADING, bold=True, color=ACCENT), first])
    yield from rest


def _table(
    rows: Sequence[Sequence[object]],
    shares: Sequence[float],
    *,
    heads: Sequence[str] = (),
    total: bool = False,
) -> Table:
    head = [[text(name, SMALL, color=SOFT, align="right" if _is_figure(name) else "left") for name in heads]]
    whole = [*(head if heads else []), *rows]
    style = [*LINE, *([("LINEABOVE", (0, -1), (-1, -1), 0.8, ACCENT)] if total else [])]
    table = Table(whole, colWidths=[WIDTH * share for share in shares], style=style, repeatRows=bool(heads))
    table.hAlign = "LEFT"
    return table


def _is_figure(heading: str) -> bool:
    return heading in {"Quantity", "Each", "Sum"}


def _fact(fact: tuple[str, str], language: str) -> tuple[Flowable, Flowable]:
    return text(fact[0], SMALL, color=SOFT), text(fact[1], BODY, language=language)


def _cell(said: str, language: str = "", *, bold: bool = False) -> Flowable:
    return text(said, BODY, language=language, bold=bold)


def _number(said: str, *, bold: bool = False) -> Flowable:
    return text(said, BODY, align="right", bold=bold)


def _with_serial(name: str, serial_number: str | None) -> str:
    return f"{name}, {serial_number}" if serial_number else name


def _clock(instant: str | None, zone: str) -> str:
    if instant is None:
        return ""
    local = datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y, %H:%M} ({local:%Z})"


def _span(begun: str | None, ended: str | None, zone: str) -> str:
    if begun is None or ended is None:
        return ""
    start, end = (datetime.fromisoformat(at).astimezone(ZoneInfo(zone)) for at in (begun, ended))
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end.day} {end:%B, %H:%M}"
    return f"{start:%H:%M} – {until}"
