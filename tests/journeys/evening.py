"""The evening: reports are sealed, customers pay, and everything is compared."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mobile_client_stub import journal
from mobile_client_stub.phone import Phone
from tests.journeys import money
from tests.journeys.customers import attachment_of
from tests.journeys.office import Office
from tests.journeys.stage import FIRM, Stage

Body = dict[str, Any]
SEALING_SECONDS = 300.0


def reports_are_sealed(stage: Stage) -> None:
    """Every complete report is sealed by itself; a brisk day has no seal key, and its reports wait."""
    if stage.plan.brisk:
        return
    stage.chapter("Complete reports are sealed, and every customer gets a copy at once")
    office, deadline = stage.office(), time.monotonic() + SEALING_SECONDS
    while waiting := _complete_and_unsealed(office):
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    stage.told.unsealed = len(waiting)
    sealed = list(office.every("/service-reports", status="issued"))
    stage.told.sealed, stage.told.verified = len(sealed), False
    if not sealed:
        return
    report = min(sealed, key=lambda report: (report["signer_name"] is None, report["issued_at"]))
    seal = office.get(f"/service-reports/{report['id']}/seal")
    issued = stage.plan.folder / "issued-report.pdf"
    issued.write_bytes(office.download(f"/service-reports/{report['id']}/document"))
    copy = stage.plan.folder / "customers-copy.pdf"
    copy.write_bytes(attachment_of(stage.server.data / "mail", seal["documents"][0]["sha256"]))
    done = stage.server.run("verify", str(copy))
    stage.told.verified = done.returncode == 0 and issued.read_bytes() == copy.read_bytes()
    stage.say(f"{len(sealed)} reports are sealed; one of them lies beside the phones, as the customer got it")
    program = os.path.relpath(Path(sys.executable).with_name("doorstep"))
    command = f"{program} verify {copy} --data {stage.server.data} --database {stage.plan.database}"
    stage.console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
    for line in done.stdout.splitlines()[1:]:
        stage.say(line.strip())


def _complete_and_unsealed(office: Office) -> list[Body]:
    return [report for report in office.every("/service-reports") if report["seal_state"] == "due"]


def takings_of(stage: Stage) -> AbstractContextManager[money.Takings | None]:
    """The payments process, which starts while the phones come back; a brisk day sends no bills."""
    if stage.plan.brisk:
        return nullcontext()
    return money.Takings(stage.server, FIRM["DOORSTEP_FIRM_NAME"], stage.now, datetime.now(UTC))


def deposit_is_paid(stage: Stage, takings: money.Takings | None) -> Body | None:
    """Before the moved visit is worked; what finance then knows of it, and the phones never do."""
    if takings is None:
        return None
    stage.chapter("Finance asks for a deposit before the moved visit, and the customer pays it by transfer")
    deposit = takings.ask_deposit(stage.office().get(f"/visits/{stage.moved_visit}")["work_order_id"])
    takings.bank_books("deposit", 1, 0, [takings.transfer(deposit)])
    return deposit


def customers_pay(stage: Stage, takings: money.Takings | None, deposit: Body | None) -> None:
    """Three of those who owe something; and a bill takes off what was paid before its visit."""
    if takings is None or deposit is None:
        return
    stage.chapter("Customers pay the firm, and no technician: a process of its own that phones cannot reach")
    phones = list(stage.phones.values())
    orders = {order for phone in phones for order in phone.view("work_orders")} - {deposit["work_order_id"]}
    bills = takings.bills_for(orders, 3)
    by_bank, by_card, too_much = bills
    stage.say(f"asked by mail: {', '.join(bill.words for bill in bills)}")
    takings.pay_by_card(by_card)
    entries = [takings.transfer(by_bank.request), takings.transfer(too_much.request, more=money.TOO_MUCH)]
    done = takings.bank_books("day", 2, money.BEFORE_THE_VISIT, entries)
    stage.say(f"one pays by card, two by transfer: the bank's file matched {done['matched']} of them")
    moved = money.BEFORE_THE_VISIT + sum(entry.minor for entry in entries)
    refund = takings.send_back(too_much, 3, moved)
    stage.say(f"one paid too much: two persons of finance sent it back, the refund is {refund['state']}")
    last = takings.bill_after(deposit)
    stage.told.taken_off = last["deposited_minor"]
    left, currency = last["owed_minor"] / 100, last["currency"]
    stage.say(f"the bill of the moved visit takes its deposit off: {left:.2f} {currency} are left to pay")
    money.wait_until(lambda: _badges(stage, bills) == ["paid"] * 3, "badges")
    stage.told.paid, stage.told.leaked = _badges(stage, bills), money.leaked_to(phones, bills, deposit)
    stage.say(f"phones show {', '.join(stage.told.paid)}, and nothing else of it")


def _badges(stage: Stage, bills: list[money.Bill]) -> list[str]:
    for phone in stage.phones.values():
        stage.drain(phone)
    return money.badges_on(stage.phones.values(), bills)


def compare_with_fresh_phones(stage: Stage) -> None:
    """Record by record."""
    stage.chapter("Every phone against a fresh one of the same technician")
    office, equal = stage.office(), []
    for identity, phone in stage.phones.items():
        stage.drain(phone)
        fresh = stage.phone(f"fresh-{identity}")
        fresh.enrol(stage.server.url, office.post("/devices/enrolment-codes", user_id=identity)["code"])
        fresh.sync()
        equal.append(_records(fresh) == _records(phone))
        fresh.close()
    stage.told.devices_equal = bool(equal) and all(equal)
    stage.told.visits = sum(visit["finished_at"] is not None for visit in office.every("/visits"))


def check(stage: Stage) -> None:
    """`doorstep check`, with all journals of all phones."""
    stage.chapter("The check")
    files = []
    for identity, phone in stage.phones.items():
        mutations = journal.everything(phone.store.connection)
        stage.told.outcomes.update(str(mutation.outcome) for mutation in mutations)
        files.append(write_journal(phone, stage.plan.folder / f"journal-{identity}.jsonl"))
    arguments = [argument for file in files for argument in ("--journals", str(file))]
    checked = stage.server.run("check", "--json", *arguments)
    stage.told.figures = json.loads(checked.stdout or "{}")
    stage.told.check_passed = checked.returncode == 0
    if not stage.told.check_passed:
        stage.say(checked.stdout[-3000:] + checked.stderr[-3000:])
    figures = stage.told.figures.get("journals", {})
    stage.told.mutations = figures.get("mutations", 0)
    stage.told.lost, stage.told.doubled = figures.get("lost", 0), figures.get("doubled", 0)


def write_journal(phone: Phone, file: Path) -> Path:
    """A phone's whole journal with the outcomes it knows, a line each, for `doorstep check --journals`."""
    file.write_text("".join(json.dumps(line) + "\n" for line in phone.whole_journal()))
    return file


def _records(phone: Phone) -> set[tuple[str, str, str]]:
    """What a phone holds: (collection, id, hash) of every record."""
    rows = phone.store.connection.execute("SELECT collection, id, hash FROM records")
    return {(str(row[0]), str(row[1]), str(row[2])) for row in rows}
