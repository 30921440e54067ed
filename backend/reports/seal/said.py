"""What a report says in words and tables: findings, parts, charges, conduct, feedback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reportlab.platypus import Flowable, Table

from backend.paper.styles import BODY, text
from backend.reports.seal.amounts import amount
from backend.reports.seal.blocks import cell, number, section, table
from backend.reports.seal.content import Report

_DISPOSITIONS: Mapping[str | None, str] = {
    "keep": "stays with the customer",
    "return": "goes back to the supplier or us",
    "dispose": "is disposed of by us",
    None: "not settled",
}
_ANSWERS: Mapping[str | None, str] = {"yes": "yes", "no": "no", "not_applicable": "does not apply", None: "–"}


def prose(report: Report, language: str) -> Iterable[Flowable]:
    """What was found, and what was done."""
    for heading, said in (("What was found", report["findings"]), ("What was done", report["work_done"])):
        if said:
            yield from section(heading, [text(said, BODY, language=language)])


def things(report: Report, language: str) -> Iterable[Flowable]:
    """Parts used, parts taken out, charges."""
    used = [part for part in report["parts"] if part["direction"] == "used"]
    if used:
        rows = [
            [
                cell(part["name"], language),
                cell(part["serial_number"] or ""),
                number(str(part["quantity"])),
            ]
            for part in used
        ]
        yield from section(
            "Parts used", [table(rows, (0.6, 0.28, 0.12), heads=("Part", "Serial number", "Quantity"))]
        )
    if report["removed"]:
        rows = [
            [
                cell(_with_serial(part["name"], part["serial_number"]), language),
                cell(_DISPOSITIONS[part["disposition"]]),
                cell(part["consented_by"] or "–", language),
            ]
            for part in report["removed"]
        ]
        heads = ("Part taken out", "What becomes of it", "By the word of")
        yield from section("Parts removed", [table(rows, (0.42, 0.33, 0.25), heads=heads)])
    if report["charges"]:
        yield from section("Charges", [_charges(report, language)])


def conduct(report: Report, language: str) -> Iterable[Flowable]:
    """What was answered of how to behave at a customer's, or waived."""
    rows = []
    for line in report["conduct"]:
        said = f"waived: {line['waived']}" if line["waived"] else _ANSWERS[line["answer"]]
        note = f" ({line['note']})" if line["note"] else ""
        if line["answer"] or line["waived"]:
            rows.append([cell(line["text"], language), cell(said + note, language)])
    if rows:
        yield from section("How we worked", [table(rows, (0.72, 0.28))])


def feedback(report: Report, language: str) -> Iterable[Flowable]:
    """The customer's card, or that there is none."""
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
        if not given and not card["words"]:
            said = "The card was offered; nothing was put on it."
    words = [text(f"“{card['words']}”", BODY, language=language)] if card["words"] else []
    yield from section("The customer's feedback", [*([text(said, BODY)] if said else []), *words])


def _charges(report: Report, language: str) -> Table:
    currency = report["charges"][0]["currency"]
    rows = [
        [
            cell(charge["description"], language),
            number(str(charge["quantity"])),
            number(amount(charge["unit_minor"], charge["currency"])),
            number(amount(charge["quantity"] * charge["unit_minor"], charge["currency"])),
        ]
        for charge in report["charges"]
    ]
    approved = all(charge["approved"] for charge in report["charges"])
    total = sum(charge["quantity"] * charge["unit_minor"] for charge in report["charges"])
    said = "Approved by the customer" if approved else "Not approved by the customer"
    sum_of_all = number(amount(total, currency), bold=True)
    rows.append([cell(said, bold=True), cell(""), number("Total", bold=True), sum_of_all])
    return table(rows, (0.5, 0.12, 0.19, 0.19), heads=("Charge", "Quantity", "Each", "Sum"), total=True)


def _with_serial(name: str, serial_number: str | None) -> str:
    return f"{name}, {serial_number}" if serial_number else name
