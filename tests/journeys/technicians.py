"""The technicians: a day's work at one door, on a phone that may have no network."""

from __future__ import annotations

import random
from collections import Counter
from enum import StrEnum
from typing import Any

from mobile_client_stub.phone import Phone
from tests.journeys.photographs import photograph

Body = dict[str, Any]


class Ending(StrEnum):
    """How a visit ends at the door."""

    SIGNED = "signed"
    REFUSED = "refused"
    ABSENT = "absent"
    NO_ACCESS = "no access"


def work_visit(phone: Phone, visit: Body, ending: Ending, dice: random.Random) -> None:
    """Everything a technician does for one visit, in the order of a good one."""
    visit_id = visit["id"]
    for step in ("accept", "depart", "arrive"):
        phone.step(step, visit_id)
    if ending is Ending.NO_ACCESS:
        phone.note(visit_id, "Rang twice, called, waited fifteen minutes.")
        phone.step("report_no_access", visit_id, reason="Nobody opened.")
        return
    phone.step("start", visit_id)
    subject = what_it_is_about(phone, visit)
    phone.photo(visit_id, photograph(f"before {visit_id}", subject), "before", place=(52.0412, 1.1554))
    use_parts(phone, visit_id, dice)
    list_charges(phone, visit_id)
    phone.note(visit_id, "Customer asks for a call before the next yearly service.")
    phone.photo(visit_id, photograph(f"after {visit_id}", subject), "after")
    write_report(phone, visit_id)
    close_report(phone, visit_id, ending)
    phone.step("complete", visit_id)


def what_it_is_about(phone: Phone, visit: Body) -> str:
    """The code of the visit's type of work."""
    order = phone.record("work_orders", visit["work_order_id"], "work order")
    return str(phone.record("work_types", str(order["work_type_id"]), "type of work")["code"])


def use_parts(phone: Phone, visit_id: str, dice: random.Random) -> None:
    """Verify what is in the van, use some of it and bring the rest back."""
    for item in phone.records_of_visit("checklist_items", visit_id):
        item_id, quantity = str(item["id"]), int(str(item["quantity"]))
        phone.tick(item_id, verified=True)
        if item["kind"] != "part":
            continue
        used = dice.randint(0, quantity)
        if used:
            phone.use(item_id, used)
            phone.remove_part(visit_id, f"Old {item['name']}", "dispose", consented_by="Customer")
        if quantity - used:
            phone.use(item_id, quantity - used, returned=True)


def list_charges(phone: Phone, visit_id: str) -> None:
    """What the customer is asked to approve: every priced part that was used here, whoever used it."""
    catalogue = phone.view("parts")
    used = Counter[str]()
    for usage in phone.records_of_visit("part_usages", visit_id):
        if usage["direction"] == "used":
            used[str(usage["part_id"])] += int(str(usage["quantity"]))
    for part_id, quantity in used.items():
        part = catalogue[part_id]
        if part.get("price_minor") is not None:
            price, currency = int(str(part["price_minor"])), str(part["currency"])
            phone.charge(visit_id, str(part["name"]), quantity, price, currency, part_id=part_id)


def write_report(phone: Phone, visit_id: str) -> None:
    """The report's words, the conduct steps, and the feedback card."""
    phone.write_report(
        visit_id, findings="Found worn, not broken.", work_done="Replaced, tested, cleaned up."
    )
    for step in sorted(
        phone.records_of_visit("conduct_steps", visit_id), key=lambda s: int(str(s["position"]))
    ):
        if step["proof"] == "answer":
            phone.answer(str(step["id"]), "yes")
    phone.feedback(
        visit_id, {"punctuality": 5, "conduct": 5, "quality": 4, "cleanliness": 5}, words="Friendly!"
    )


def close_report(phone: Phone, visit_id: str, ending: Ending) -> None:
    """Freeze the report, then hand it to the customer."""
    phone.freeze(visit_id)
    if ending is Ending.SIGNED:
        phone.sign(visit_id, "M. Customer")
    elif ending is Ending.REFUSED:
        phone.refuse_to_sign(visit_id, "Does not agree with the price of the part.")
    else:
        phone.nobody_signs(visit_id, "The customer had to leave for work.")
