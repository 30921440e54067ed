"""A firm with two sides for tests: the field with its own rights, and the payments process beside it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import make_url, select

from backend.access.actor import Actor
from backend.app import database_of, wire
from backend.db.engine import make_engine
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.db.upgrade import upgrade
from backend.outbox.rules import Lane
from backend.outbox.sending import send_due
from backend.payments import queries
from backend.payments.actions import request_deposit
from backend.payments.app import Rounds, transports, wire_payments
from backend.payments.billing import bill_what_was_approved, issue
from backend.payments.checks import check_ledger
from backend.payments.deposits import hold_work_order
from backend.payments.inbox import work_inbox
from backend.payments.models import CHAIN, PaymentRequest, Person
from backend.payments.permissions import PERMISSIONS
from backend.payments.providers.stub import StubProvider
from backend.payments.queries.field_side import Whom
from backend.payments.requesting import Asking, write_request
from backend.payments.roles import FIELD, PAYMENTS, grant_roles
from backend.payments.rules.standing import Standing
from backend.payments.rules.telling import Contact
from backend.payments.settings import PaymentsSettings
from backend.payments.wiring import PaymentsWiring
from backend.reports import actions as reports
from backend.visits.models import PaymentBadge
from schemas.access import Role
from schemas.visits import PaymentBadgeState
from tests.backend.payments.bank_files import IBAN
from tests.clock import SettableClock
from tests.databases import TEMPLATE, Databases, _once
from tests.given import customers, visits
from tests.given.reports import Work, a_complete_draft, sign
from tests.postgres import Cluster
from tests.settings import SECRET, cheap_settings

PAYMENTS_TEMPLATE = "doorstep_payments_template"
BY_MAIL = {"email": "ada@example.org"}


@dataclass(frozen=True)
class Firm:
    """Both sides, wired as their processes wire them: on PostgreSQL each enters as its own role."""

    url: str
    field: UnitOfWorkFactory
    payments: PaymentsWiring
    clock: SettableClock

    @property
    def is_postgresql(self) -> bool:
        """Whether both sides live in one PostgreSQL database."""
        return not self.url.startswith("sqlite")

    @property
    def stub(self) -> StubProvider:
        """The provider that misbehaves on demand."""
        stub = self.payments.providers["stub"]
        assert isinstance(stub, StubProvider)
        return stub

    def signed_report(self, *charges: tuple[str, int], currency: str = "EUR", **over: Any) -> Work:
        """A report on which the customer approved these charges by signing; `parts`: which are for one."""
        parts = over.pop("parts", {})
        with self.field.begin() as uow:
            contact = over.pop("contact", BY_MAIL)
            order = over.pop("work_order_id", None) or an_order(uow, contact)
            work = a_complete_draft(uow, work_order_id=order, **over)
            for description, unit_minor in charges:
                reports.add_report_charge(
                    uow,
                    work.actor,
                    report_id=work.report_id,
                    description=description,
                    quantity=1,
                    unit_minor=unit_minor,
                    currency=currency,
                    part_id=parts.get(description),
                )
            reports.freeze_service_report(uow, work.actor, work.report_id)
            sign(uow, work)
        return work

    def bill(self) -> list[PaymentRequest]:
        """Bill what was approved; all requests there are, oldest first."""
        bill_what_was_approved(self.payments.factory, self.payments.terms)
        with self.payments.factory.begin(write=False) as uow:
            return list(uow.session.scalars(select(PaymentRequest).order_by(PaymentRequest.id)))

    def billed(self, minor: int = 14_550, currency: str = "EUR", **over: Any) -> PaymentRequest:
        """A request for one signed report."""
        before = {request.id for request in self.bill()}
        self.signed_report(("Labour", minor), currency=currency, **over)
        (request,) = (each for each in self.bill() if each.id not in before)
        return request

    def an_order(self) -> UUID:
        """A new work order of a new customer."""
        with self.field.begin() as uow:
            return an_order(uow)

    def asked(
        self, minor: int = 14_550, currency: str = "EUR", *, work_order_id: UUID | None = None
    ) -> PaymentRequest:
        """A bill without a report behind it, of a new work order unless one is given: for what concerns the
        ledger and its badges alone."""
        order = work_order_id or self.an_order()
        whom = Whom(order, "W-1", uuid4(), "Ada Lindgren", Contact(), "The boiler is cold.", "")
        asking = Asking(whom.summary, currency, minor, 14, report_id=uuid4())
        with self.payments.factory.begin() as uow:
            hold_work_order(uow, whom.work_order_id)
            request = write_request(uow, self.payments.terms.links, uow.mint_id(), whom, asking)
            issue(uow, request, {0: (minor, 0)})
        return request

    def deposit(
        self,
        minor: int = 5_000,
        currency: str = "EUR",
        *,
        work_order_id: UUID | None = None,
        words: str = "For the new pump.",
    ) -> PaymentRequest:
        """A deposit that somebody of finance asked for, for a new work order unless one is given."""
        work_order_id = work_order_id or self.an_order()
        somebody = self.somebody()
        with self.payments.factory.begin() as uow:
            seen = request_deposit(
                uow,
                somebody,
                work_order_id,
                deposit_id=uow.mint_id(),
                amount_minor=minor,
                currency=currency,
                words=words,
                days_to_pay=7,
                terms=self.payments.terms,
            )
            return queries.request_by_id(uow.session, UUID(str(seen["id"])))

    def standing(self, request: PaymentRequest) -> Standing:
        """Where a request stands."""
        with self.payments.factory.begin(write=False) as uow:
            return queries.standing_of(uow.session, request.id)

    def deliver(self) -> int:
        """Act on messages and send what the ledger's outbox holds; how much of it was sent."""
        work_inbox(self.payments.factory, self.payments.providers)
        ways = transports(self.payments)
        return sum(send_due(self.payments.factory, ways, lane=lane) for lane in Lane)

    def round(self) -> None:
        """One round of the payments process, outbox and all."""
        assert Rounds(self.payments).once() == []
        self.deliver()

    def faults(self) -> list[str]:
        """What the whole oracle finds once everything was delivered, badges included."""
        self.deliver()
        return check_ledger(self.payments.sides).faults

    def badge(self, request: PaymentRequest) -> PaymentBadgeState | None:
        """What the field sees of it."""
        with self.field.begin(write=False) as uow:
            return uow.session.scalar(
                select(PaymentBadge.state).where(PaymentBadge.work_order_id == request.work_order_id)
            )

    def mails(self) -> list[Message]:
        """What the payments process mailed."""
        folder = self.payments.payments.mail_folder
        return [message_from_bytes(file.read_bytes()) for file in sorted(folder.glob("*.eml"))]

    def texts(self) -> list[dict[str, str]]:
        """What the payments process laid down as texts."""
        folder = self.payments.payments.sms_folder
        return [json.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))]

    def somebody(self, name: str = "Noor") -> Actor:
        """Somebody of finance; another name is another person."""
        with self.payments.factory.begin() as uow:
            email = f"{name.lower()}@example.org"
            person = queries.person_by_email(uow.session, email)
            if person is None:
                person = uow.add(
                    Person(
                        id=uow.mint_id(),
                        email=email,
                        display_name=name,
                        password_hash="none",
                        created_at=uow.now,
                    )
                )
        return Actor(person.id, Role.FINANCE, PERMISSIONS)


def an_order(uow: UnitOfWork, contact: Mapping[str, str] = BY_MAIL) -> UUID:
    """A work order of a customer who can be reached like this."""
    customer = customers.a_customer(uow, **contact)
    site = customers.a_site(uow, customer_id=customer.id)
    return visits.a_work_order(uow, site_id=site.id).id


@contextlib.contextmanager
def firm_on(
    databases: Databases, engine_name: str, clock: SettableClock, folder: Path, **over: Any
) -> Iterator[Firm]:
    """A firm with empty tables on both sides; `over` names payments settings that are to be otherwise."""
    with _both_urls(databases, engine_name, folder) as (field_url, ledger_url):
        field_settings = cheap_settings(field_url, folder / "field")
        engine = database_of(field_settings)
        settings = PaymentsSettings(
            **{
                "database_url": ledger_url,
                "field_database_url": field_url if engine_name == "sqlite" else ledger_url,
                "data_dir": folder / "payments",
                "secret": SECRET,
                "iban": IBAN,
                "stub_provider": True,
                "throttle": False,
                "allow_unsafe_database": True,
                "argon2_time_cost": 1,
                "argon2_memory_kib": 64,
                "argon2_parallel": 1,
                **over,
            }
        )
        wiring = wire_payments(settings, clock=clock)
        try:
            yield Firm(field_url, wire(engine, field_settings, clock=clock).factory, wiring, clock)
        finally:
            wiring.sides.dispose()
            engine.dispose()


@contextlib.contextmanager
def _both_urls(databases: Databases, engine_name: str, folder: Path) -> Iterator[tuple[str, str]]:
    if engine_name == "sqlite":
        template = databases.home / "payments.sqlite"
        _once(
            databases.home / "payments-sqlite.template",
            partial(upgrade, f"sqlite:///{template}", CHAIN),
        )
        (folder / "payments").mkdir(parents=True)
        ledger = folder / "payments" / "payments.sqlite"
        shutil.copyfile(template, ledger)
        with databases.fresh_url("sqlite") as field_url:
            yield field_url, f"sqlite:///{ledger}"
        return
    cluster = databases.postgresql()
    _once(databases.home / "payments-postgresql.template", partial(_make_template, cluster))
    name = f"test_{uuid4().hex}"
    url = cluster.create_database(name, PAYMENTS_TEMPLATE)
    yield as_role(url, FIELD), as_role(url, PAYMENTS)
    cluster.drop_database(name)


def _make_template(cluster: Cluster) -> None:
    url = cluster.create_database(PAYMENTS_TEMPLATE, TEMPLATE)
    upgrade(url, CHAIN)
    engine = make_engine(url)
    with engine.begin() as connection:
        grant_roles(connection)
    engine.dispose()


def as_role(url: str, role: str) -> str:
    """The same database, entered as this role."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)
