"""Asking, issuing, paying, refunding, returning in any order, doubled, interrupted, against a small model."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.access.permissions import SYSTEM
from backend.payments import queries
from backend.payments.actions import ask_refund
from backend.payments.bank.statements import import_statements
from backend.payments.billing import end_deposits_of_done_work
from backend.payments.inbox import work_inbox
from backend.payments.models import LedgerTransaction, PaymentRequest
from backend.payments.providers.stub import Fault, Webhook
from backend.payments.refunds import send_refunds
from backend.payments.rules.errors import RefundTooLarge
from backend.payments.rules.postings import AccountKind, TransactionKind
from backend.visits.actions import cancel_work_order
from schemas.payments import RefundState
from tests.backend.payments.bank_files import IBAN, Paid, statement_file
from tests.backend.payments.test_providers import checkout_of, tell
from tests.backend.payments.world import Firm

MINORS = st.sampled_from([1, 700, 1_000, 1_300])


@dataclass
class Model:
    """What one request should look like: sums of what happened, each once. `asked`: it is a deposit."""

    due: int
    asked: int = 0
    paid: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)
    used: Counter[UUID] = field(default_factory=Counter)

    owed: int = 0
    credit: int = 0
    held: int = 0
    deposited: int = 0
    is_deposit: bool = False

    @property
    def to_pay(self) -> int:
        return self.owed + max(self.asked - max(sum(self.paid.values()) + self.owed, 0), 0)

    def pay(self, key: str, minor: int) -> None:
        if key not in self.paid:
            settles, held = min(minor, self.owed), min(max(minor - self.owed, 0), self.to_pay - self.owed)
            self.paid[key] = minor
            self.owed -= settles
            self.held += held
            self.credit += minor - settles - held

    def draw(self, minor: int) -> tuple[int, int, int]:
        credit = min(minor, self.credit)
        held = min(minor - credit, self.held)
        self.credit, self.held = self.credit - credit, self.held - held
        return credit, held, minor - credit - held

    def take_back(self, key: str, minor: int, bills: dict[UUID, Model]) -> None:
        if key not in self.paid:
            for bill_id in reversed(self.used):  # the newest first
                back = max(min(self.used[bill_id], minor - self.credit - self.held), 0)
                bills[bill_id].owed += bills[bill_id].draw(back)[2]
                bills[bill_id].deposited -= back
                self.used[bill_id] -= back
                self.deposited, self.credit = self.deposited - back, self.credit + back
            self.paid[key] = -minor
            self.owed += self.draw(minor)[2]

    def use_for(self, bill_id: UUID, bill: Model) -> None:
        minor = min(self.held + self.credit, bill.owed)
        self.held, self.credit = max(self.held - minor, 0), self.credit - max(minor - self.held, 0)
        self.used[bill_id] += minor
        self.deposited, bill.deposited = self.deposited + minor, bill.deposited + minor
        bill.owed -= minor

    def refund(self, minor: int) -> bool:
        return 0 < minor <= sum(self.paid.values()) - sum(self.refunded.values())


@dataclass(frozen=True)
class Booked:
    """An entry of the bank for a request; `minor` is negative when the bank took it back."""

    request_id: UUID
    key: str
    minor: int
    entry: Paid


class Money(RuleBasedStateMachine):
    """One firm; requests are paid by files and cards that come late, twice and out of order.

    A work order has a deposit or two, and bills before and after; other bills have none.
    """

    firm: ClassVar[Firm]
    entries: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.clock = self.firm.clock
        self.somebody = self.firm.somebody()
        with self.firm.payments.factory.begin(write=False) as uow:
            self.before = self._going_back(uow.session)
        self.requests: list[PaymentRequest] = []
        self.order: UUID | None = None
        self.is_cancelled = False
        self.models: dict[UUID, Model] = {}
        self.files: list[tuple[bytes, list[Booked]]] = []
        self.payouts: dict[str, int] = {}
        self.returns = 0
        self.told: list[tuple[Webhook, UUID, str, int]] = []

    @precondition(lambda self: len(self.requests) < 4)
    @rule(minor=MINORS, is_of_order=st.sampled_from([True, True, False]))
    def issue_bill(self, minor: int, is_of_order: bool) -> None:
        self._issue(minor, is_of_order=is_of_order)

    def _issue(self, minor: int, *, is_of_order: bool) -> None:
        self.clock.advance(seconds=1)
        request = self.firm.asked(minor, work_order_id=self.order if is_of_order else None)
        self.requests.append(request)
        self.models[request.id] = Model(minor, owed=minor)
        if is_of_order and self.order:
            self._end_deposits()

    @initialize(minor=MINORS, paid=MINORS, due=MINORS)
    def begin_with_a_deposit(self, minor: int, paid: int, due: int) -> None:
        """What takes luck to come about stands at the beginning: money before the work, then the bill."""
        self._ask_for_deposit(minor)
        self._book(self.requests[0], paid, is_late=paid == 1)
        if due > 1:
            self._issue(due, is_of_order=True)

    @initialize(minor=MINORS)
    def begin_with_a_refund_that_fails(self, minor: int) -> None:
        """Left to chance, no history has one: it takes a card payment, and a provider that says no."""
        self._issue(minor, is_of_order=False)
        request = self.requests[-1]
        checkout = checkout_of(self.firm, request)
        self.told.append((self.firm.stub.pay(checkout, self.clock()), request.id, checkout, minor))
        tell(self.firm, self.told[-1][0])
        work_inbox(self.firm.payments.factory, self.firm.payments.providers)
        self.models[request.id].pay(checkout, minor)
        self._refund(request, minor, Fault.REFUND_FAILS)

    @precondition(lambda self: len(self.requests) < 4 and not self.is_cancelled)
    @rule(minor=MINORS)
    def ask_for_another_deposit(self, minor: int) -> None:
        self._ask_for_deposit(minor)

    def _ask_for_deposit(self, minor: int) -> None:
        self.clock.advance(seconds=1)
        deposit = self.firm.deposit(minor, work_order_id=self.order)
        self.order = deposit.work_order_id
        self.requests.append(deposit)
        self.models[deposit.id] = Model(0, asked=minor, is_deposit=True)

    @precondition(lambda self: self.order and not self.is_cancelled)
    @rule()
    def cancel(self) -> None:
        assert self.order is not None
        self.is_cancelled = True
        with self.firm.field.begin() as uow:
            cancel_work_order(uow, SYSTEM, self.order, reason="Moved away.")
        end_deposits_of_done_work(self.firm.payments.factory)
        self._end_deposits()

    def _end_deposits(self) -> None:
        for model in self._of_order():
            model.asked = 0
        self._use_deposits()

    def _of_order(self) -> list[Model]:
        return [self.models[each.id] for each in self.requests if each.work_order_id == self.order]

    def _use_deposits(self) -> None:
        """Those that are no longer asked for, in the order they were asked in, for the bills since then."""
        of_order = [each for each in self.requests if each.work_order_id == self.order]
        for at, deposit in enumerate(of_order):
            model = self.models[deposit.id]
            if model.is_deposit and not model.asked:
                for bill in of_order[at:]:
                    if not self.models[bill.id].is_deposit:
                        model.use_for(bill.id, self.models[bill.id])
                model.credit, model.held = model.credit + model.held, 0

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), minor=MINORS, returned=st.booleans(), is_late=st.booleans(), overlaps=st.booleans())
    def bank_books(
        self, data: st.DataObject, minor: int, returned: bool, is_late: bool, overlaps: bool
    ) -> None:
        request = data.draw(st.sampled_from(self.requests))
        self._book(request, -minor if returned else minor, is_late=is_late, overlaps=overlaps)

    def _book(self, request: PaymentRequest, signed: int, *, is_late: bool, overlaps: bool = False) -> None:
        Money.entries += 1
        key = f"B{self.entries}"
        entry = Paid(signed, request.reference, bank_reference=key, returned=signed < 0)
        before = self.files[-1][1] if overlaps and self.files else []
        every = [*before, Booked(request.id, key, signed, entry)]
        lines = [booked.entry for booked in every]
        file = statement_file(lines, statement_id=f"S{self.entries}", sequence=self.entries)
        self.files.append((file, every))
        if not is_late:
            self._import(file, every)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), dies=st.booleans())
    def import_file(self, data: st.DataObject, dies: bool) -> None:
        self._import(*data.draw(st.sampled_from(self.files)), dies=dies)

    def _import(self, file: bytes, every: list[Booked], *, dies: bool = False) -> None:
        try:
            with self.firm.payments.factory.begin() as uow:
                import_statements(uow, io.BytesIO(file), name="a", person_id=None, own_iban=IBAN)
                if dies:
                    raise InterruptedError
        except InterruptedError:
            return
        # What came in of a file is posted before what went back.
        for booked in (each for each in every if each.minor > 0):
            self.models[booked.request_id].pay(booked.key, booked.minor)
        self._use_deposits()
        for booked in (each for each in every if each.minor < 0):
            self.models[booked.request_id].take_back(booked.key, -booked.minor, self.models)
            self._use_deposits()

    @precondition(lambda self: any(model.to_pay for model in self.models.values()))
    @rule(data=st.data())
    def customer_pays_by_card(self, data: st.DataObject) -> None:
        owing = [request for request in self.requests if self.models[request.id].to_pay]
        request = data.draw(st.sampled_from(owing))
        checkout = checkout_of(self.firm, request)
        minor = self.firm.stub.look_at(checkout).money.minor
        self.told.append((self.firm.stub.pay(checkout, self.clock()), request.id, checkout, minor))
        Money.entries += 1

    @precondition(lambda self: self.told)
    @rule(data=st.data(), is_away=st.booleans())
    def provider_tells(self, data: st.DataObject, is_away: bool) -> None:
        webhook, request_id, checkout, minor = data.draw(st.sampled_from(self.told))
        is_new = tell(self.firm, webhook)
        if is_away and is_new:
            self.firm.stub.fault(Fault.AWAY)
            assert work_inbox(self.firm.payments.factory, self.firm.payments.providers) == 0
        work_inbox(self.firm.payments.factory, self.firm.payments.providers)
        self.models[request_id].pay(checkout, minor)
        self._use_deposits()

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), minor=MINORS, fault=st.sampled_from([None, *Fault]))
    def refund(self, data: st.DataObject, minor: int, fault: Fault | None) -> None:
        self._refund(data.draw(st.sampled_from(self.requests)), minor, fault)

    def _refund(self, request: PaymentRequest, minor: int, fault: Fault | None) -> None:
        model = self.models[request.id]
        try:
            with self.firm.payments.factory.begin() as uow:
                seen = ask_refund(
                    uow,
                    self.somebody,
                    request.id,
                    refund_id=uow.mint_id(),
                    amount_minor=minor,
                    currency="EUR",
                    reason="why not",
                    alone_minor=1 << 40,
                )
        except RefundTooLarge:
            return
        assert model.refund(minor)
        model.refunded[str(seen.id)] = minor
        credit, held, returns = model.draw(minor)
        if fault is not Fault.TIMEOUT_AFTER_OPENING and fault is not None:
            self.firm.stub.fault(fault)
        for _ in range(2):
            send_refunds(self.firm.payments.factory, self.firm.payments.providers)
        self.firm.stub._faults.clear()
        with self.firm.payments.factory.begin(write=False) as uow:
            state = queries.refund_state(uow.session, seen.id)
        if state is RefundState.FAILED:
            del model.refunded[str(seen.id)]
            model.credit, model.held = model.credit + credit, model.held + held
            self._use_deposits()
        else:
            self.returns += returns
        if state is RefundState.APPROVED:
            self.payouts[str(seen.id)] = minor

    @invariant()
    def the_ledger_says_what_the_models_say(self) -> None:
        with self.firm.payments.factory.begin(write=False) as uow:
            standings = queries.standings(uow.session, self.models)
            going_back = self._going_back(uow.session)
        for request_id, model in self.models.items():
            seen = standings[request_id]
            assert (seen.issued, seen.owed, seen.credit) == (model.due, model.owed, model.credit)
            assert (seen.held, seen.deposited, seen.to_pay) == (model.held, model.deposited, model.to_pay)
            assert seen.received == sum(model.paid.values())
            assert seen.refunding == sum(model.refunded.values())
        assert going_back == (self.before[0] - sum(self.payouts.values()), self.before[1] + self.returns)

    @invariant()
    def the_field_says_what_the_models_say(self) -> None:
        """After every step: a badge that was right a while ago must not stay as it was."""
        self.firm.deliver()
        for request in self.requests:
            of_order = [self.models[each.id] for each in self.requests if self._are_of_one(each, request)]
            settled = not any(model.owed for model in of_order)
            bills = [model for model in of_order if not model.is_deposit]
            paid = any(sum(bill.paid.values()) > 0 or bill.deposited for bill in bills)
            assert (self.firm.badge(request) or "none") == ("paid" if settled and paid else "none")

    @staticmethod
    def _are_of_one(one: PaymentRequest, other: PaymentRequest) -> bool:
        return one.work_order_id == other.work_order_id

    def _going_back(self, session: Session) -> tuple[int, int]:
        """What is to be refunded and did not go yet, and what of refunds was earned: of the whole firm."""
        kinds = (AccountKind.REFUND_PAYABLE, AccountKind.RETURNS)
        payable, returns = (sum(queries.balances_of(session, kind).values()) for kind in kinds)
        return payable, returns


def run(firm: Firm, examples: int, steps: int) -> None:
    """So many histories, and the oracle after them."""
    Money.firm = firm
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # Hypothesis has no types here
        Money,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True),
    )
    assert firm.faults() == []


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_money_is_there_on_postgresql_as_well(firm: Firm) -> None:
    """A few histories only: what the engines do otherwise (locks, deferred triggers) shows in the first."""
    run(firm, 3, 12)


def test_money_is_where_the_model_says_after_any_history(lite_firm: Firm) -> None:
    run(lite_firm, 12, 20)
    with lite_firm.payments.factory.begin(write=False) as uow:
        kinds = set(uow.session.scalars(select(LedgerTransaction.kind)))
    assert TransactionKind.DEPOSIT_USED in kinds, "no history ever used a deposit"
    assert TransactionKind.REFUND_FAILED in kinds, "no refund failed in any history"
