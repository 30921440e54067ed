"""The day before: requests become booked, confirmed and packed visits, and phones take them along."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.journeys.customers import Customer, wait_for_letters
from tests.journeys.office import Office, OfficeRefused
from tests.journeys.stage import Stage

Body = dict[str, Any]
LINKS_ON_A_BRISK_DAY = 20


def take_requests_in(stage: Stage) -> None:
    """A new database, and everything that customers asked for."""
    stage.chapter("Requests come in")
    stage.command("db", "upgrade")
    if not stage.plan.brisk:
        stage.command("seal-key", "create")
    imported = stage.command("import-requests", str(stage.plan.requests))
    stage.say(imported.splitlines()[-1])
    seeded = stage.command("seed", "--technicians", str(stage.plan.technicians), "--json")
    stage.firm = json.loads(seeded)
    logins = stage.plan.folder / "logins.json"
    logins.write_text(json.dumps(stage.firm, indent=2))
    logins.chmod(0o600)


def triage(stage: Stage) -> None:
    """What becomes of each request."""
    stage.chapter("Triage")
    office, decided = stage.office(), Counter[str]()
    _complete_the_customers(stage, office)
    work_types = {work["name"]: work["id"] for work in office.every("/work-types")}
    if stage.plan.brisk:
        work_types = {"": _short_work(stage)}
    requests = list(office.every("/service-requests", status="new"))
    for number, request in enumerate(stage.progress(requests, "requests")):
        outcome = "visit" if stage.plan.brisk else _outcome(number)
        decided[outcome] += 1
        fields: Body = {"outcome": outcome, "outcome_reason": "Settled on the phone."}
        if outcome == "visit":
            work_type = work_types.get(request["category"]) or next(iter(work_types.values()))
            fields = {"outcome": "visit", "work_type_id": work_type}
        office.post(f"/service-requests/{request['id']}/triage", **fields)
    stage.say(", ".join(f"{count} {outcome}" for outcome, count in decided.most_common()))


def _complete_the_customers(stage: Stage, office: Office) -> None:
    """Mail addresses, and places for sites that came without one."""
    for customer in () if stage.plan.brisk else office.every("/customers"):
        _learn_the_address(office, customer)
    latitude, longitude = stage.plan.place
    for site in office.every("/sites", needs_location="true"):
        office.edit(f"/sites/{site['id']}", latitude=latitude, longitude=longitude)


def _learn_the_address(office: Office, customer: Body) -> None:
    key = str(customer["external_key"] or "customer").lower().replace(" ", "-")
    office.edit(f"/customers/{customer['id']}", email=f"{key}@example.org")


def _short_work(stage: Stage) -> str:
    """A type of work that anybody can do in ten minutes; its id."""
    manager = stage.office("manager")
    kit = next(kit["id"] for kit in manager.every("/kits") if kit["name"].endswith("Smoke alarm"))
    made = manager.post("/work-types", code="street", name="Street crew", duration_minutes=10, kit_id=kit)
    return str(made["id"])


def book(stage: Stage) -> None:
    """A window for each work order, and a technician for each visit."""
    stage.chapter("Visits are booked a day ahead")
    office = stage.office()
    orders = list(office.every("/work-orders", status="unscheduled"))
    seats = [number for number in range(stage.plan.rounds) for _ in range(stage.plan.technicians)]
    if len(orders) > len(seats):
        raise AssertionError(f"{len(orders)} work orders do not fit into {len(seats)} seats")
    technicians = [technician["id"] for technician in stage.firm["technicians"]]
    for number, order in enumerate(stage.progress(orders, "work orders")):
        if stage.plan.brisk:
            turn, technician = divmod(number, len(technicians))
            visit = _book_at(office, order, stage.plan.slot(turn))
            office.post(f"/visits/{visit['id']}/assign", technician_id=technicians[technician])
        else:
            visit = _book_with_the_nearest(stage, office, order, seats)
        stage.visits.append(visit)
    stage.say(f"{len(stage.visits)} visits for {stage.plan.technicians} technicians")


def _book_at(office: Office, order: Body, start: datetime) -> Body:
    return office.post(
        "/visits", work_order_id=order["id"], **_window(start), scheduled_start=_instant(start)
    )


def _book_with_the_nearest(stage: Stage, office: Office, order: Body, seats: list[int]) -> Body:
    """Book for the first seat of the day for which somebody qualified is free."""
    visit = _book_at(office, order, stage.plan.slot(seats[0]))
    for seat in dict.fromkeys(seats):
        if seat != seats[0]:
            start = stage.plan.slot(seat)
            plan = {**_window(start), "scheduled_start": _instant(start)}
            office.post(f"/visits/{visit['id']}/reschedule", **plan)
        nearest = office.get(f"/visits/{visit['id']}/technician-suggestions")
        if free := nearest["suggestions"]:
            seats.remove(seat)
            return office.post(f"/visits/{visit['id']}/assign", technician_id=free[0]["technician_id"])
    raise AssertionError(f"nobody is free and qualified for {order['number']}")


def customers_answer(stage: Stage) -> None:
    """By the link in their letter; one of them wants another window."""
    stage.chapter("Customers confirm by link, without a login")
    office, by_link = stage.office(), stage.visits
    if stage.plan.brisk:
        by_link, by_telephone = stage.visits[:LINKS_ON_A_BRISK_DAY], stage.visits[LINKS_ON_A_BRISK_DAY:]
        for visit in by_telephone:
            office.post(f"/visits/{visit['id']}/confirm", window_version=visit["window_version"])
        for visit in by_link:
            order = office.get(f"/work-orders/{visit['work_order_id']}")
            _learn_the_address(office, office.get(f"/customers/{order['customer_id']}"))
    picky = stage.visits[0]
    later = stage.plan.slot(stage.plan.rounds)
    office.post(
        f"/visits/{picky['id']}/offer-windows",
        windows=[_window(later)],
    )
    for visit in stage.progress(by_link, "links"):
        office.post(f"/visits/{visit['id']}/issue-confirmation-link")
    orders = {order["number"]: order["id"] for order in office.every("/work-orders")}
    for letter in wait_for_letters(stage.server.data / "mail", len(by_link)):
        with Customer(letter) as customer:
            if orders[letter.work_order] == picky["work_order_id"]:
                _pick_another_window(office, customer, picky)
            else:
                customer.confirm()
    _keep_the_promise(office, picky)
    confirmed = sum(visit["confirmation"] == "confirmed" for visit in office.every("/visits"))
    stage.say(f"{confirmed} confirmed, one of them for another window")


def _pick_another_window(office: Office, customer: Customer, visit: Body) -> None:
    customer.look()
    assert office.get(f"/visits/{visit['id']}")["confirmation"] == "requested", "looking is not answering"
    customer.pick_another()
    assert "BEGIN:VCALENDAR" in customer.calendar()


def _keep_the_promise(office: Office, picky: Body) -> None:
    """Whoever picked another window gets a technician for it, the old one or another."""
    visit = office.get(f"/visits/{picky['id']}")
    if visit["technician_id"] is None:
        free = office.get(f"/visits/{visit['id']}/technician-suggestions")["suggestions"]
        office.post(f"/visits/{visit['id']}/assign", technician_id=free[0]["technician_id"])


def pack_and_dispatch(stage: Stage) -> None:
    """Every line of every kit is ticked off; what is not packed does not leave."""
    stage.chapter("Kits are packed; what lacks parts does not leave")
    office = stage.office()
    stage.visits = list(office.every("/visits"))
    refusal = _refused(office, stage.visits[0])
    for visit in stage.progress(stage.visits, "kits"):
        stage.pack_one(office, visit["id"])
    stage.say(f"refused first: “{refusal}”; then {len(stage.visits)} dispatched")


def _refused(office: Office, visit: Body) -> str:
    try:
        office.post(f"/visits/{visit['id']}/dispatch")
    except OfficeRefused as refused:
        return str(refused.problem["detail"])
    raise AssertionError("an unpacked visit was dispatched")


def phones_enrol(stage: Stage) -> None:
    """One phone per technician, with the day on it."""
    stage.chapter("Phones enrol and take the day along")
    office = stage.office()
    for technician in stage.firm["technicians"]:
        code = office.post("/devices/enrolment-codes", user_id=technician["id"])["code"]
        phone = stage.phone(f"phone-{technician['id']}")
        phone.enrol(stage.server.url, code, name=f"Phone of {technician['name']}")
        phone.sync()
        stage.phones[technician["id"]] = phone
        stage.say(f"{technician['name']}: {len(phone.visits())} visits on the phone")
    stage.told.devices = len(stage.phones)


def _outcome(number: int) -> str:
    """What triage decides about the request of that number: mostly a visit."""
    return {19: "rejected", 32: "replace"}.get(number, "remote" if number % 9 == 5 else "visit")


def _window(start: datetime) -> Body:
    """What the customer is promised for a visit planned at `start`."""
    return {
        "starts_at": _instant(start - timedelta(minutes=30)),
        "ends_at": _instant(start + timedelta(minutes=90)),
    }


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
