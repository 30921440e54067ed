"""A day in the field, end to end: requests become booked visits, and phones work without a network.

`python -m tests.journeys.the_day` tells it on the screen and exits 0 only if the day's own check holds.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mobile_client_stub import journal
from mobile_client_stub.faults import Fault, FaultyTransport, random_faults
from mobile_client_stub.phone import Phone
from mobile_client_stub.transport import certificates
from mobile_client_stub.words import PhoneError
from tests.journeys import money
from tests.journeys.customers import Customer, attachment_of, wait_for_letters
from tests.journeys.office import Office, OfficeRefused
from tests.journeys.server import ServerProcess, free_port
from tests.journeys.technicians import Ending, work_visit
from tests.journeys.warm import Warm

Body = dict[str, Any]

DEMO_REQUESTS = Path(__file__).parent / "data" / "requests.csv"
LINKS_ON_A_BRISK_DAY = 20
FIRM = {
    "DOORSTEP_FIRM_NAME": "Hearth & Home Service",
    "DOORSTEP_FIRM_ADDRESS": "14 Quay Street\nIpswich IP4 1BX",
    "DOORSTEP_FIRM_CONTACT": "help@hearth.example · +44 1473 555 010",
}
SEALING_SECONDS = 300.0


@dataclass(frozen=True)
class Plan:
    """Which day is told.

    `visit_minutes` is the pace of the round, `first_hour` its beginning on the clock of `time_zone`.
    `booking_day` is the day before the visits. `fault_rate` is the share of requests that the evening's bad
    network spoils. `place` stands in for what has no location. On a `brisk` day every request becomes a short
    visit, given out in turn and, but for a few, confirmed on the telephone; and at most doors nobody opens.
    `port`: where the server listens, also after the day, so that the codes on the reports lead there.
    """

    database: str
    folder: Path
    requests: Path
    technicians: int
    time_zone: str
    booking_day: date
    first_hour: int = 8
    visit_minutes: int = 60
    rounds: int = 13
    fault_rate: float = 0.25
    seed: int = 1
    workers: int = 1
    place: tuple[float, float] = (52.0412, 1.1554)
    brisk: bool = False
    port: int | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def at(self, day: int, hour: int, minute: int = 0) -> datetime:
        """An instant on the wall clock: day 0 books, day 1 works."""
        local = datetime.combine(self.booking_day, datetime.min.time(), self.zone) + timedelta(days=day)
        return local.replace(hour=hour, minute=minute).astimezone(UTC)

    def slot(self, number: int) -> datetime:
        """When the visits of round `number` are planned to begin."""
        return self.at(1, self.first_hour) + timedelta(minutes=self.visit_minutes * number)


@dataclass
class Told:
    """What came of the day."""

    devices: int = 0
    visits: int = 0
    mutations: int = 0
    lost: int = 0
    doubled: int = 0
    devices_equal: bool = False
    check_passed: bool = False
    sealed: int = 0
    unsealed: int = 0
    verified: bool | None = None
    paid: list[str] | None = None
    leaked: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    figures: Body = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the day's own check holds."""
        return (
            self.check_passed
            and self.devices_equal
            and self.verified is not False
            and self.paid in (None, ["paid"] * 3)
            and not self.leaked
            and not self.unsealed
            and not self.lost
            and not self.doubled
            and self.visits > 0
        )

    def last_line(self) -> str:
        """The sentence that `make demo` ends with."""
        equal = "devices equal server" if self.devices_equal else "DEVICES DIFFER FROM SERVER"
        return (
            f"demo: {self.devices} devices, {self.visits} visits, {self.mutations} mutations, "
            f"{self.lost} lost, {self.doubled} doubled, {equal}"
        )


class Day:
    """The story, chapter by chapter; each leaves what the next one needs."""

    def __init__(self, plan: Plan, console: Console, *, warm: Warm | None = None) -> None:
        self.plan = plan
        self.console = console
        self.dice = random.Random(plan.seed)
        environment = {"DOORSTEP_TIME_ZONE": plan.time_zone, **FIRM}
        self.server = ServerProcess(
            plan.database,
            plan.folder / "server",
            environment,
            plan.port or free_port(),
            workers=plan.workers,
            warm=warm,
        )
        self.told = Told()
        self.firm: Body = {}
        self.moved_visit = self.moved_to = ""
        self._offices: dict[str, Office] = {}
        self.visits: list[Body] = []
        self.phones: dict[str, Phone] = {}
        self.now = plan.at(0, 9)

    def tell(self) -> Told:
        """All chapters, in order."""
        try:
            self._take_requests_in()
            with self._server_on(self.plan.at(0, 10)):
                self._triage()
                self._book()
                self._customers_answer()
                self._pack_and_dispatch()
                self._phones_enrol()
            # The phones lose the network: there is no server while they work.
            self._work_offline()
            with self._server_on(self.plan.at(1, 18)), self._takings() as takings:
                self._the_office_changes_its_mind()
                self._phones_come_back()
                self._the_moved_visit_is_worked()
                self._reports_are_sealed()
                self._customers_pay(takings)
                self._compare_with_fresh_phones()
            self._check()
        finally:
            self.server.stop()
            for holder in (*self.phones.values(), *self._offices.values()):
                holder.close()
        return self.told

    # Day 0: the office

    def _take_requests_in(self) -> None:
        self._chapter("Requests come in")
        self._command("db", "upgrade")
        if not self.plan.brisk:
            self._command("seal-key", "create")
        imported = self._command("import-requests", str(self.plan.requests))
        self._say(imported.splitlines()[-1])
        seeded = self._command("seed", "--technicians", str(self.plan.technicians), "--json")
        self.firm = json.loads(seeded)
        logins = self.plan.folder / "logins.json"
        logins.write_text(json.dumps(self.firm, indent=2))
        logins.chmod(0o600)

    def _triage(self) -> None:
        self._chapter("Triage")
        office, decided = self.office(), Counter[str]()
        self._complete_the_customers(office)
        work_types = {work["name"]: work["id"] for work in office.every("/work-types")}
        if self.plan.brisk:
            work_types = {"": self._short_work()}
        requests = list(office.every("/service-requests", status="new"))
        for number, request in enumerate(self._progress(requests, "requests")):
            outcome = "visit" if self.plan.brisk else _outcome(number)
            decided[outcome] += 1
            fields: Body = {"outcome": outcome, "outcome_reason": "Settled on the phone."}
            if outcome == "visit":
                work_type = work_types.get(request["category"]) or next(iter(work_types.values()))
                fields = {"outcome": "visit", "work_type_id": work_type}
            office.post(f"/service-requests/{request['id']}/triage", **fields)
        self._say(", ".join(f"{count} {outcome}" for outcome, count in decided.most_common()))

    def _complete_the_customers(self, office: Office) -> None:
        """Mail addresses, and places for sites that came without one."""
        for customer in () if self.plan.brisk else office.every("/customers"):
            self._learn_the_address(office, customer)
        latitude, longitude = self.plan.place
        for site in office.every("/sites", needs_location="true"):
            office.edit(f"/sites/{site['id']}", latitude=latitude, longitude=longitude)

    def _learn_the_address(self, office: Office, customer: Body) -> None:
        key = str(customer["external_key"] or "customer").lower().replace(" ", "-")
        office.edit(f"/customers/{customer['id']}", email=f"{key}@example.org")

    def _short_work(self) -> str:
        """A type of work that anybody can do in ten minutes; its id."""
        manager = self.office("manager")
        kit = next(kit["id"] for kit in manager.every("/kits") if kit["name"].endswith("Smoke alarm"))
        made = manager.post("/work-types", code="street", name="Street crew", duration_minutes=10, kit_id=kit)
        return str(made["id"])

    def _book(self) -> None:
        self._chapter("Visits are booked a day ahead")
        office = self.office()
        orders = list(office.every("/work-orders", status="unscheduled"))
        seats = [number for number in range(self.plan.rounds) for _ in range(self.plan.technicians)]
        if len(orders) > len(seats):
            raise AssertionError(f"{len(orders)} work orders do not fit into {len(seats)} seats")
        technicians = [technician["id"] for technician in self.firm["technicians"]]
        for number, order in enumerate(self._progress(orders, "work orders")):
            if self.plan.brisk:
                turn, technician = divmod(number, len(technicians))
                visit = self._book_at(office, order, self.plan.slot(turn))
                office.post(f"/visits/{visit['id']}/assign", technician_id=technicians[technician])
            else:
                visit = self._book_with_the_nearest(office, order, seats)
            self.visits.append(visit)
        self._say(f"{len(self.visits)} visits for {self.plan.technicians} technicians")

    def _book_at(self, office: Office, order: Body, start: datetime) -> Body:
        return office.post(
            "/visits", work_order_id=order["id"], **_window(start), scheduled_start=_instant(start)
        )

    def _book_with_the_nearest(self, office: Office, order: Body, seats: list[int]) -> Body:
        """Book for the first seat of the day for which somebody qualified is free."""
        visit = self._book_at(office, order, self.plan.slot(seats[0]))
        for seat in dict.fromkeys(seats):
            if seat != seats[0]:
                start = self.plan.slot(seat)
                plan = {**_window(start), "scheduled_start": _instant(start)}
                office.post(f"/visits/{visit['id']}/reschedule", **plan)
            nearest = office.get(f"/visits/{visit['id']}/technician-suggestions")
            if free := nearest["suggestions"]:
                seats.remove(seat)
                return office.post(f"/visits/{visit['id']}/assign", technician_id=free[0]["technician_id"])
        raise AssertionError(f"nobody is free and qualified for {order['number']}")

    def _customers_answer(self) -> None:
        self._chapter("Customers confirm by link, without a login")
        office, by_link = self.office(), self.visits
        if self.plan.brisk:
            by_link, by_telephone = self.visits[:LINKS_ON_A_BRISK_DAY], self.visits[LINKS_ON_A_BRISK_DAY:]
            for visit in by_telephone:
                office.post(f"/visits/{visit['id']}/confirm", window_version=visit["window_version"])
            for visit in by_link:
                order = office.get(f"/work-orders/{visit['work_order_id']}")
                self._learn_the_address(office, office.get(f"/customers/{order['customer_id']}"))
        picky = self.visits[0]
        later = self.plan.slot(self.plan.rounds)
        office.post(
            f"/visits/{picky['id']}/offer-windows",
            windows=[_window(later)],
        )
        for visit in self._progress(by_link, "links"):
            office.post(f"/visits/{visit['id']}/issue-confirmation-link")
        orders = {order["number"]: order["id"] for order in office.every("/work-orders")}
        for letter in wait_for_letters(self.server.data / "mail", len(by_link)):
            with Customer(letter) as customer:
                if orders[letter.work_order] == picky["work_order_id"]:
                    self._pick_another_window(office, customer, picky)
                else:
                    customer.confirm()
        self._keep_the_promise(office, picky)
        confirmed = sum(visit["confirmation"] == "confirmed" for visit in office.every("/visits"))
        self._say(f"{confirmed} confirmed, one of them for another window")

    def _pick_another_window(self, office: Office, customer: Customer, visit: Body) -> None:
        customer.look()
        assert office.get(f"/visits/{visit['id']}")["confirmation"] == "requested", "looking is not answering"
        customer.pick_another()
        assert "BEGIN:VCALENDAR" in customer.calendar()

    def _keep_the_promise(self, office: Office, picky: Body) -> None:
        """Whoever picked another window gets a technician for it, the old one or another."""
        visit = office.get(f"/visits/{picky['id']}")
        if visit["technician_id"] is None:
            free = office.get(f"/visits/{visit['id']}/technician-suggestions")["suggestions"]
            office.post(f"/visits/{visit['id']}/assign", technician_id=free[0]["technician_id"])

    def _pack_and_dispatch(self) -> None:
        self._chapter("Kits are packed; what lacks parts does not leave")
        office = self.office()
        self.visits = list(office.every("/visits"))
        refusal = self._refused(office, self.visits[0])
        for visit in self._progress(self.visits, "kits"):
            self._pack_one(office, visit["id"])
        self._say(f"refused first: “{refusal}”; then {len(self.visits)} dispatched")

    def _pack_one(self, office: Office, visit_id: str) -> None:
        for line in office.every("/checklist-items", visit_id=visit_id):
            office.post(f"/checklist-items/{line['id']}/tick", packed=True)
        office.post(f"/visits/{visit_id}/dispatch")

    def _refused(self, office: Office, visit: Body) -> str:
        try:
            office.post(f"/visits/{visit['id']}/dispatch")
        except OfficeRefused as refused:
            return str(refused.problem["detail"])
        raise AssertionError("an unpacked visit was dispatched")

    def _phones_enrol(self) -> None:
        self._chapter("Phones enrol and take the day along")
        office = self.office()
        for technician in self.firm["technicians"]:
            code = office.post("/devices/enrolment-codes", user_id=technician["id"])["code"]
            phone = self._phone(f"phone-{technician['id']}")
            phone.enrol(self.server.url, code, name=f"Phone of {technician['name']}")
            phone.sync()
            self.phones[technician["id"]] = phone
            self._say(f"{technician['name']}: {len(phone.visits())} visits on the phone")
        self.told.devices = len(self.phones)

    # Day 1: the field

    def _work_offline(self) -> None:
        self._chapter("All day without a network")
        self.now = self.plan.at(1, self.plan.first_hour)
        for phone in self._progress(list(self.phones.values()), "phones"):
            for number, visit in enumerate(phone.visits()):
                self.now = max(self.now, datetime.fromisoformat(visit["scheduled_start"]))
                work_visit(phone, visit, self._ending(number), self.dice)
            self.now = self.plan.at(1, self.plan.first_hour)
        unsent = sum(phone.outbox().unsent for phone in self.phones.values())
        files = sum(len(phone.outbox().media) for phone in self.phones.values())
        self._say(f"{unsent} mutations and {files} files wait on the phones")
        try:
            next(iter(self.phones.values())).sync()
        except PhoneError as error:
            self._say(f"a phone that tries anyway says: “{error}”")

    def _ending(self, number: int) -> Ending:
        if self.plan.brisk and number % 4:
            return Ending.NO_ACCESS
        return {1: Ending.REFUSED, 4: Ending.ABSENT, 6: Ending.NO_ACCESS}.get(number % 8, Ending.SIGNED)

    def _the_office_changes_its_mind(self) -> None:
        self._chapter("Meanwhile the dispatcher moves one visit and cancels another, both already worked on")
        office = self.office()
        self.moved_visit, self.moved_to = self._move_one(office)
        cancelled = next(visit["id"] for visit in self.visits if visit["id"] != self.moved_visit)
        office.post(f"/visits/{cancelled}/cancel", reason="The customer called: the neighbour has fixed it.")
        self._say("moved one, cancelled one; the phones do not know yet")

    def _move_one(self, office: Office) -> tuple[str, str]:
        """Move the first visit that somebody else is free for; its id, and whose it is now."""
        for visit in self.visits:
            for other in office.get(f"/visits/{visit['id']}/technician-suggestions")["suggestions"]:
                if other["technician_id"] != office.get(f"/visits/{visit['id']}")["technician_id"]:
                    moved_to = other["technician_id"]
                    office.post(f"/visits/{visit['id']}/move", technician_id=moved_to, reason="Is nearer.")
                    return visit["id"], moved_to
        raise AssertionError("nobody is free to take a visit over")

    def _phones_come_back(self) -> None:
        self._chapter("The phones come back over a link that loses requests and replies")
        self.now = self.plan.at(1, 18)
        for number, identity in enumerate(self._progress(list(self.phones), "phones")):
            faults = random_faults(self.plan.seed + number, self.plan.fault_rate)
            transport = FaultyTransport(httpx.HTTPTransport(verify=certificates()), faults, delay=0.01)
            phone = self._over_a_bad_network(identity, transport)
            self._drain(phone)
            self.told.faults.update(
                {fault.value: count for fault, count in transport.suffered.items() if fault is not Fault.NONE}
            )
        self._say(", ".join(f"{count} × {fault}" for fault, count in self.told.faults.most_common()))

    def _over_a_bad_network(self, identity: str, transport: FaultyTransport) -> Phone:
        self.phones[identity].close()
        self.phones[identity] = self._phone(f"phone-{identity}", transport)
        return self.phones[identity]

    def _drain(self, phone: Phone, tries: int = 200) -> None:
        for _ in range(tries):
            try:
                phone.sync()
            except PhoneError:
                continue
            outbox = phone.outbox()
            if not outbox.unsent and not outbox.media:
                return
        raise AssertionError(f"a phone did not drain: {phone.outbox()}")

    def _the_moved_visit_is_worked(self) -> None:
        self._chapter("The moved visit is packed anew, and worked by the other technician")
        office, phone = self.office(), self.phones[self.moved_to]
        self._pack_one(office, self.moved_visit)
        self._drain(phone)
        self.now = self.plan.at(1, 19)
        work_visit(phone, phone.view("visits")[self.moved_visit], Ending.SIGNED, self.dice)
        self._drain(phone)
        inbox = list(office.every("/sync/inbox", settled="false"))
        self._say(f"{len(inbox)} entries in the field inbox: {_counted(entry['code'] for entry in inbox)}")

    def _compare_with_fresh_phones(self) -> None:
        self._chapter("Every phone against a fresh one of the same technician")
        office, equal = self.office(), []
        for identity, phone in self.phones.items():
            self._drain(phone)
            fresh = self._phone(f"fresh-{identity}")
            fresh.enrol(self.server.url, office.post("/devices/enrolment-codes", user_id=identity)["code"])
            fresh.sync()
            equal.append(_records(fresh) == _records(phone))
            fresh.close()
        self.told.devices_equal = bool(equal) and all(equal)
        self.told.visits = sum(visit["finished_at"] is not None for visit in office.every("/visits"))

    def _reports_are_sealed(self) -> None:
        """Every complete report is sealed by itself; a brisk day has no seal key, and its reports wait."""
        if self.plan.brisk:
            return
        self._chapter("Complete reports are sealed, and every customer gets a copy at once")
        office, deadline = self.office(), time.monotonic() + SEALING_SECONDS
        while waiting := self._complete_and_unsealed(office):
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        self.told.unsealed = len(waiting)
        sealed = list(office.every("/service-reports", status="issued"))
        self.told.sealed, self.told.verified = len(sealed), False
        if not sealed:
            return
        report = min(sealed, key=lambda report: (report["signer_name"] is None, report["issued_at"]))
        seal = office.get(f"/service-reports/{report['id']}/seal")
        issued = self.plan.folder / "issued-report.pdf"
        issued.write_bytes(office.download(f"/service-reports/{report['id']}/document"))
        copy = self.plan.folder / "customers-copy.pdf"
        copy.write_bytes(attachment_of(self.server.data / "mail", seal["documents"][0]["sha256"]))
        done = self.server.run("verify", str(copy))
        self.told.verified = done.returncode == 0 and issued.read_bytes() == copy.read_bytes()
        self._say(
            f"{len(sealed)} reports are sealed; one of them lies beside the phones, as the customer got it"
        )
        program = os.path.relpath(Path(sys.executable).with_name("doorstep"))
        command = f"{program} verify {copy} --data {self.server.data} --database {self.plan.database}"
        self.console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
        for line in done.stdout.splitlines()[1:]:
            self._say(line.strip())

    def _takings(self) -> AbstractContextManager[money.Takings | None]:
        """The payments process, which starts while the phones come back; a brisk day sends no bills."""
        if self.plan.brisk:
            return nullcontext()
        return money.Takings(self.server, FIRM["DOORSTEP_FIRM_NAME"], self.now, datetime.now(UTC))

    def _customers_pay(self, takings: money.Takings | None) -> None:
        """Three of those who owe something."""
        if takings is None:
            return
        self._chapter(
            "Customers pay the firm, and no technician: a process of its own that phones cannot reach"
        )
        phones = list(self.phones.values())
        orders = [order for phone in phones for order in phone.view("work_orders")]
        bills = takings.bills_for(orders, 3)
        by_bank, by_card, too_much = bills
        self._say(f"asked by mail: {', '.join(bill.words for bill in bills)}")
        takings.pay_by_card(by_card)
        entries = [takings.transfer(by_bank), takings.transfer(too_much, more=money.TOO_MUCH)]
        done = takings.bank_books("day", 1, 0, entries)
        self._say(f"one pays by card, two by transfer: the bank's file matched {done['matched']} of them")
        moved = sum(entry.minor for entry in entries)
        refund = takings.send_back(too_much, 2, moved)
        self._say(f"one paid too much: two persons of finance sent it back, the refund is {refund['state']}")
        money.wait_until(lambda: self._badges(bills) == ["paid"] * 3, "badges")
        self.told.paid, self.told.leaked = self._badges(bills), money.leaked_to(phones, bills)
        self._say(f"phones show {', '.join(self.told.paid)}, and nothing else of it")

    def _badges(self, bills: list[money.Bill]) -> list[str]:
        for phone in self.phones.values():
            self._drain(phone)
        return money.badges_on(self.phones.values(), bills)

    def _complete_and_unsealed(self, office: Office) -> list[Body]:
        return [report for report in office.every("/service-reports") if report["seal_state"] == "due"]

    def _check(self) -> None:
        self._chapter("The check")
        files = []
        for identity, phone in self.phones.items():
            mutations = journal.everything(phone.store.connection)
            self.told.outcomes.update(str(mutation.outcome) for mutation in mutations)
            files.append(write_journal(phone, self.plan.folder / f"journal-{identity}.jsonl"))
        arguments = [argument for file in files for argument in ("--journals", str(file))]
        checked = self.server.run("check", "--json", *arguments)
        self.told.figures = json.loads(checked.stdout or "{}")
        self.told.check_passed = checked.returncode == 0
        if not self.told.check_passed:
            self._say(checked.stdout[-3000:] + checked.stderr[-3000:])
        figures = self.told.figures.get("journals", {})
        self.told.mutations = figures.get("mutations", 0)
        self.told.lost, self.told.doubled = figures.get("lost", 0), figures.get("doubled", 0)

    # The furniture of the story

    def office(self, role: str = "dispatcher") -> Office:
        """Somebody of the office, signed in."""
        if role not in self._offices:
            person = next(person for person in self.firm["office"] if person["role"] == role)
            self._offices[role] = Office(self.server.url, person["email"], person["password"])
        return self._offices[role]

    def _server_on(self, instant: datetime) -> ServerProcess:
        offset = (instant - datetime.now(UTC)).total_seconds()
        self.server.environment["DOORSTEP_CLOCK_OFFSET_SECONDS"] = str(offset)
        self.now = instant
        return self.server

    def _command(self, *arguments: str) -> str:
        self._server_on(self.plan.at(0, 9))
        done = self.server.run(*arguments)
        if done.returncode:
            raise AssertionError(
                f"doorstep {' '.join(arguments)} → {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout.strip()

    def _phone(self, name: str, transport: httpx.BaseTransport | None = None) -> Phone:
        return Phone(
            self.plan.folder / name,
            transport=transport,
            clock=lambda: self.now,
            sleep=lambda seconds: time.sleep(min(seconds, 0.02)),
            dice=random.Random(self.plan.seed),
        )

    def _chapter(self, heading: str) -> None:
        self.console.print(f"\n[bold]{heading}[/]")

    def _say(self, sentence: str) -> None:
        self.console.print(f"  {sentence}", highlight=False, markup=False)

    def _progress(self, items: list[Any], what: str) -> Any:
        with Progress(console=self.console, transient=True) as progress:
            yield from progress.track(items, description=f"  {what}")


def write_journal(phone: Phone, file: Path) -> Path:
    """A phone's whole journal with the outcomes it knows, a line each, for `doorstep check --journals`."""
    file.write_text("".join(json.dumps(line) + "\n" for line in phone.whole_journal()))
    return file


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} × {word}" for word, count in Counter(words).most_common()) or "none"


def _records(phone: Phone) -> set[tuple[str, str, str]]:
    """What a phone holds: (collection, id, hash) of every record."""
    rows = phone.store.connection.execute("SELECT collection, id, hash FROM records")
    return {(str(row[0]), str(row[1]), str(row[2])) for row in rows}


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


def closing_table(told: Told) -> Table:
    """The figures of the day."""
    table = Table(title="The day", title_justify="left", show_header=False, box=None)
    rows = {
        "phones": told.devices,
        "visits finished": told.visits,
        "mutations made offline": told.mutations,
        "what became of them": ", ".join(f"{count} {name}" for name, count in told.outcomes.most_common()),
        "faults of the network": sum(told.faults.values()),
        "lost / doubled": f"{told.lost} / {told.doubled}",
        "devices equal server": "yes" if told.devices_equal else "NO",
        "reports sealed": f"{told.sealed}, {'one checked: genuine' if told.verified else 'NOT GENUINE'}",
        "doorstep check": "passed" if told.check_passed else "FAILED",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def demo_plan(
    folder: Path,
    *,
    database: str | None = None,
    seed: int = 1,
    booking_day: date = date(2026, 3, 3),
    port: int | None = None,
) -> Plan:
    """The day that `make demo` tells, in a folder that is not there yet; on SQLite unless told otherwise."""
    folder.mkdir(parents=True)
    folder = folder.resolve()
    return Plan(
        database=database or f"sqlite:///{folder / 'doorstep.sqlite'}",
        folder=folder,
        requests=DEMO_REQUESTS,
        technicians=3,
        time_zone="Europe/London",
        booking_day=booking_day,
        seed=seed,
        port=port,
    )


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="A new folder for everything the day leaves; var/demo-… unless told.",
)
@click.option("--database", help="PostgreSQL address; SQLite in the folder unless given.")
@click.option("--seed", default=1, show_default=True)
def main(folder: Path | None, database: str | None, seed: int) -> None:
    """Tell the demo's day."""
    folder = folder or Path("var") / f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    plan = demo_plan(folder, database=database, seed=seed)
    console = Console()
    told = Day(plan, console).tell()
    console.print()
    console.print(closing_table(told))
    click.echo(told.last_line())
    sys.exit(0 if told.holds else 1)


if __name__ == "__main__":
    main()
