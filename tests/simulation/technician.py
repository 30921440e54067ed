"""What technicians do on their phones, in any order that comes to their minds."""

from __future__ import annotations

import random
from collections.abc import Callable

from mobile_client_stub.phone import Phone
from mobile_client_stub.words import Body, PhoneError, text_of
from tests.journeys.photographs import photograph

NEXT_STEP = {
    "dispatched": "accept",
    "accepted": "depart",
    "en_route": "arrive",
    "on_site": "start",
    "in_progress": "complete",
}
STEPS = (*NEXT_STEP.values(), "complete_partially", "cannot_complete", "report_no_access")
FINISHED = frozenset({"completed", "partially_completed", "cannot_complete", "no_access", "cancelled"})
SCORES = ("punctuality", "conduct", "quality", "cleanliness")
ODD_WORDS = (
    "Ünïcödé ✓ 漢字",
    "“quotes” \\ and {braces}",
    "tab\tand\nline",
    "🔧🧯",
    "",
    "x" * 1500,
    "nul \x00 here",
)

Act = Callable[[Phone, str, random.Random], object]


def do_something(phone: Phone, dice: random.Random) -> str:
    """One thing at one of the visits on the phone; returns what. PhoneError when it cannot be done."""
    visits = phone.visits()
    if not visits:
        raise PhoneError("No visits on this phone.")
    open_ones = [visit for visit in visits if visit["status"] not in FINISHED]
    visit = dice.choice(open_ones if open_ones and dice.random() < 0.9 else visits)
    if dice.random() < 0.2:
        return _follow(phone, visit, dice)
    name, act = dice.choices(_ACTS, _WEIGHTS)[0]
    act(phone, text_of(visit, "id"), dice)
    return name


def _follow(phone: Phone, visit: Body, dice: random.Random) -> str:
    """The step that comes next; now and then any other."""
    step = NEXT_STEP.get(text_of(visit, "status"))
    if step is None or dice.random() < 0.1:
        step = dice.choice(STEPS)
    phone.step(step, text_of(visit, "id"), reason=_words(dice))
    return step


def _note(phone: Phone, visit: str, dice: random.Random) -> None:
    phone.note(visit, _words(dice))


def _tick(phone: Phone, visit: str, dice: random.Random) -> None:
    item = _one_of(phone, "checklist_items", visit, dice)
    phone.tick(item, packed=dice.choice((True, False, None)), verified=dice.choice((True, False)))


def _use(phone: Phone, visit: str, dice: random.Random) -> None:
    item = _one_of(phone, "checklist_items", visit, dice)
    phone.use(item, dice.randint(1, 3), returned=dice.random() < 0.4)


def _answer(phone: Phone, visit: str, dice: random.Random) -> None:
    step = _one_of(phone, "conduct_steps", visit, dice)
    phone.answer(step, dice.choice(("yes", "no", "not_applicable")), note=_words(dice))


def _write(phone: Phone, visit: str, dice: random.Random) -> None:
    findings = _words(dice) if dice.random() < 0.7 else None
    phone.write_report(visit, findings=findings, work_done=None if findings else _words(dice))


def _photo(phone: Phone, visit: str, dice: random.Random) -> None:
    kind = dice.choice(("before", "after", "document", "other"))
    phone.photo(visit, photograph(f"{kind} {dice.getrandbits(40):010x}"), kind)


def _charge(phone: Phone, visit: str, dice: random.Random) -> None:
    phone.charge(visit, _words(dice), dice.randint(1, 4), dice.randrange(10_000), "EUR")


def _withdraw(phone: Phone, visit: str, dice: random.Random) -> None:
    report = text_of(phone.record_of_visit("service_reports", visit, "report"), "id")
    charges = [c for c, body in phone.view("report_charges").items() if body["report_id"] == report]
    if charges:
        phone.withdraw_charge(dice.choice(charges))


def _remove_part(phone: Phone, visit: str, dice: random.Random) -> None:
    settled = dice.random() < 0.7
    phone.remove_part(
        visit,
        f"Old part {dice.getrandbits(24):06x}",
        dice.choice(("keep", "return", "dispose")) if settled else None,
        consented_by="Customer" if settled else None,
    )


def _settle_part(phone: Phone, visit: str, dice: random.Random) -> None:
    phone.settle_part(_one_of(phone, "removed_parts", visit, dice), "dispose", consented_by="Customer")


def _feedback(phone: Phone, visit: str, dice: random.Random) -> None:
    phone.feedback(visit, {score: dice.randint(1, 5) for score in SCORES}, words=_words(dice))


def _close(phone: Phone, visit: str, dice: random.Random) -> None:
    """All that a report needs, then the report's end: seldom as neatly as this."""
    report = phone.record_of_visit("service_reports", visit, "report")
    if report["status"] == "draft":
        _prepare(phone, visit, dice)
        phone.freeze(visit)
    ending = dice.choice(("sign", "sign", "refuse", "absent", "later"))
    if ending == "sign":
        phone.sign(visit, f"Customer {dice.randrange(1000)}")
    elif ending == "refuse":
        phone.refuse_to_sign(visit, _words(dice) or "no")
    elif ending == "absent":
        phone.nobody_signs(visit, "Nobody was there.")


def _prepare(phone: Phone, visit: str, dice: random.Random) -> None:
    for item in phone.records_of_visit("checklist_items", visit):
        phone.tick(text_of(item, "id"), verified=True)
        if item["kind"] == "part" and not item["quantity_used"] and not item["quantity_returned"]:
            phone.use(text_of(item, "id"), int(str(item["quantity"])), returned=True)
    for part in phone.records_of_visit("removed_parts", visit):
        if part.get("disposition") is None:
            phone.settle_part(text_of(part, "id"), "keep", consented_by="Customer")
    for step in phone.records_of_visit("conduct_steps", visit):
        if step["proof"] == "answer":
            phone.answer(text_of(step, "id"), "yes")
    for kind in ("before", "after"):
        phone.photo(visit, photograph(f"{kind} {dice.getrandbits(40):010x}"), kind)
    phone.write_report(visit, findings=_words(dice) or "none", work_done=_words(dice) or "none")
    phone.feedback(visit, dict.fromkeys(SCORES, 5))


def _nonsense(phone: Phone, visit: str, dice: random.Random) -> None:
    """What a faulty app writes: it must end as an outcome, not as a stuck queue."""
    kind, fields = dice.choice(
        (
            ("visit.teleport", {}),
            ("visit_note.add", {"visit_id": visit, "text": 7}),
            ("visit_note.add", {"visit_id": str(visit)[::-1], "text": "nowhere"}),
            ("visit.arrive", {"latitude": 91.0, "longitude": 0}),
            ("checklist_item.tick", {"packed": "perhaps"}),
            ("report_charge.add", {"report_id": visit, "description": "", "quantity": -1}),
        )
    )
    phone.write(kind, phone.store.mint_id(), fields)


def _one_of(phone: Phone, collection: str, visit: str, dice: random.Random) -> str:
    found = [text_of(body, "id") for body in phone.records_of_visit(collection, visit)]
    if not found:
        raise PhoneError(f"This visit has no {collection}.")
    return dice.choice(found)


def _words(dice: random.Random) -> str:
    if dice.random() < 0.05:
        return dice.choice(ODD_WORDS)
    return f"words {dice.getrandbits(40):010x}"


_CHOICES: tuple[tuple[str, Act, int], ...] = (
    ("note", _note, 30),
    ("tick", _tick, 8),
    ("use", _use, 8),
    ("answer", _answer, 8),
    ("write", _write, 10),
    ("photo", _photo, 4),
    ("charge", _charge, 4),
    ("withdraw", _withdraw, 2),
    ("remove part", _remove_part, 4),
    ("settle part", _settle_part, 2),
    ("feedback", _feedback, 3),
    ("close", _close, 3),
    ("nonsense", _nonsense, 1),
)
_ACTS = [(name, act) for name, act, _ in _CHOICES]
_WEIGHTS = [weight for _, _, weight in _CHOICES]
