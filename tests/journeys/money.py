"""The evening's money: customers pay the firm, by bank and by card, and the phones learn one word of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from mobile_client_stub.phone import Phone
from tests.backend.payments.bank_files import IBAN, Paid, statement_file
from tests.journeys.customers import Customer, Letter, letters
from tests.journeys.office import Office
from tests.journeys.server import ServerProcess

Body = dict[str, Any]

PEOPLE = (("noor@hearth.example", "Noor"), ("emre@hearth.example", "Emre"))
TOO_MUCH = 2_000
BEFORE_THE_VISIT = 100
"""Small enough for whatever the visit will cost."""
PATIENCE_SECONDS = 120.0
_TERMS = {
    "IBAN": IBAN,
    "STUB_PROVIDER": "1",
    "USUAL_TAX_BASIS_POINTS": "2000",
    "REFUND_ALONE_MINOR": "0",  # so that every refund takes two persons
}


@dataclass(frozen=True)
class Bill:
    """What finance and one customer know of a work order; the field never does."""

    request: Body
    letter: Letter

    @property
    def words(self) -> str:
        """How much, for whom."""
        minor, currency = self.request["owed_minor"], self.request["currency"]
        return f"{minor / 100:.2f} {currency}"

    @property
    def secrets(self) -> Iterator[bytes]:
        """What must not be found on any phone."""
        yield str(self.request["reference"]).encode()
        yield str(self.request["number"]).encode()
        yield self.letter.link.rpartition("/")[2].encode()


class Takings:
    """The payments process beside a server, and the people of finance in it."""

    def __init__(self, server: ServerProcess, firm_name: str, now: datetime, today: datetime) -> None:
        """`now`: what time the story has; `today`: what the machine's clock says."""
        offset = f"{(now - today).total_seconds():.0f}"
        terms = {**_TERMS, "FIRM_NAME": firm_name, "CLOCK_OFFSET_SECONDS": offset}
        server.environment |= {f"DOORSTEP_PAYMENTS_{name}": value for name, value in terms.items()}
        if not server.database.startswith("sqlite"):
            server.environment["DOORSTEP_PAYMENTS_DATABASE"] = server.database
        self._day = now.date().isoformat()
        self._thread = ThreadPoolExecutor(1)
        self._people: list[Office] = []
        self._process = ServerProcess(
            server.database,
            server.data,
            server.environment,
            warm=server.warm,
            command=("payments", "serve"),
            name="payments",
        )

    def __enter__(self) -> Takings:
        """Begin to start it; whoever comes first to its door waits."""
        self._starting = self._thread.submit(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        for person in self._people:
            person.close()
        self._process.stop()

    def _start(self) -> None:
        if not self._process.database.startswith(
            "sqlite"
        ):  # a file is brought up to date by whoever opens it
            self._run("payments", "upgrade")
        passwords = [
            self._run("payments", "create-person", email, name).split()[-1] for email, name in PEOPLE
        ]
        self._process.start()
        for (email, _), password in zip(PEOPLE, passwords, strict=True):
            self._people.append(Office(self._process.url, email, password))

    @property
    def noor(self) -> Office:
        """Of finance."""
        self._starting.result()
        return self._people[0]

    @property
    def emre(self) -> Office:
        """Of finance, too."""
        self._starting.result()
        return self._people[1]

    def bills_for(self, work_order_ids: Iterable[str], count: int) -> list[Bill]:
        """The first bills with something to pay among these work orders, and the mails that brought them."""
        wanted = set(work_order_ids)

        def found() -> list[Bill]:
            mailed = {letter.work_order: letter for letter in letters(self._mail, "p")}
            return [
                Bill(request, mailed[request["work_order_number"]])
                for request in self.noor.every("/payment-requests")
                if request["work_order_id"] in wanted and request["owed_minor"]
                if request["work_order_number"] in mailed
            ]

        return wait_until(lambda: len(found()) >= count and found(), "bills")[:count]

    def ask_deposit(self, work_order_id: str) -> Body:
        """A deposit for work to come."""
        return dict(
            self.noor.post(
                f"/work-orders/{work_order_id}/deposits",
                deposit_id=str(uuid4()),
                amount_minor=BEFORE_THE_VISIT,
                currency="EUR",
                words="For the part that is ordered.",
                days_to_pay=1,
            )
        )

    def bill_after(self, deposit: Body) -> Body:
        """The bill of the work that a deposit was paid for."""

        def found() -> list[Body]:
            return [
                request
                for request in self.noor.every("/payment-requests")
                if request["work_order_id"] == deposit["work_order_id"] and request["kind"] == "bill"
            ]

        (bill,) = wait_until(found, "the bill after a deposit")
        return bill

    def bank_books(self, name: str, sequence: int, opening: int, entries: list[Paid]) -> Body:
        """The bank's file of a day is imported, twice as it happens."""
        file = statement_file(entries, statement_id=name, sequence=sequence, opening=opening)
        done = self.noor.upload(f"/bank-statements?name={name}.xml", file)
        again = self.noor.upload(f"/bank-statements?name={name}.xml", file)
        assert again["new"] == 0, "a file imported twice posted something twice"
        return dict(done)

    def transfer(self, request: Body, more: int = 0) -> Paid:
        """What a customer sends with the reference of what they are asked for."""
        return Paid(request["to_pay_minor"] + more, request["reference"], day=self._day)

    def pay_by_card(self, bill: Bill) -> None:
        """The customer pays on the page behind the mailed link."""
        with Customer(bill.letter) as customer:
            customer.pay_by_card()
            wait_until(lambda: "Paid. Thank you!" in customer.look(), "the card's payment")

    def send_back(self, bill: Bill, sequence: int, opening: int) -> Body:
        """What was paid too much goes back: one person asks, another approves, the bank's file proves it."""
        refund = self.noor.post(
            f"/payment-requests/{bill.request['id']}/refunds",
            refund_id=str(uuid4()),
            amount_minor=TOO_MUCH,
            currency=bill.request["currency"],
            reason="Paid too much.",
        )
        assert refund["needs_second_person"]
        self.emre.post(f"/refunds/{refund['id']}/approve")
        debit = Paid(-TOO_MUCH, text="Refund", day=self._day)
        self.bank_books("evening", sequence, opening, [debit])
        (entry,) = self.noor.get("/bank-entries/waiting")
        return dict(self.noor.post(f"/refunds/{refund['id']}/confirm", bank_entry_id=entry["id"]))

    def states(self, bills: Iterable[Bill]) -> list[str]:
        """Where the bills stand, by the ledger."""
        return [self.noor.get(f"/payment-requests/{bill.request['id']}")["state"] for bill in bills]

    @property
    def _mail(self) -> Path:
        return self._process.data / "payments" / "mail"

    def _run(self, *arguments: str) -> str:
        done = self._process.run(*arguments)
        assert done.returncode == 0, f"doorstep {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()


def badges_on(phones: Iterable[Phone], bills: Iterable[Bill]) -> list[str]:
    """What phones show of the bills' work orders, a word per phone that has it; there is nothing else."""
    orders = {bill.request["work_order_id"] for bill in bills}
    shown = [badge for phone in phones for badge in phone.view("payment_badges").values()]
    assert all(set(badge) == {"id", "revision", "work_order_id", "state"} for badge in shown), shown
    return sorted(badge["state"] for badge in shown if badge["work_order_id"] in orders)


def leaked_to(phones: Iterable[Phone], bills: Iterable[Bill], deposit: Body) -> list[str]:
    """What finance and customers know of the bills and a phone's files hold; must be nothing."""
    secrets = [
        IBAN.encode(),
        deposit["reference"].encode(),
        *(secret for bill in bills for secret in bill.secrets),
    ]
    stored = b"".join(
        file.read_bytes() for phone in phones for file in sorted(phone.home.rglob("*")) if file.is_file()
    )
    return [secret.decode() for secret in secrets if secret in stored]


def wait_until(look: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """What `look` says, once it says something."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)
    return seen
