"""Issuing, paying, refunding and returning in any order, doubled and interrupted, against a small model."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from backend.payments import queries
from backend.payments.actions import ask_refund
from backend.payments.bank.statements import import_statements
from backend.payments.checks import check_ledger
from backend.payments.inbox import work_inbox
from backend.payments.models import PaymentRequest
from backend.payments.providers.stub import Fault, Webhook
from backend.payments.refunds import send_refunds
from backend.payments.rules.errors import RefundTooLarge
from backend.payments.rules.postings import AccountKind
from schemas.payments import RefundState
from tests.backend.payments.bank_files import IBAN, Paid, statement_file
from tests.backend.payments.test_providers import checkout_of, tell
from tests.backend.payments.world import Firm

MINORS = st.sampled_from([1, 700, 1_000, 1_300])


@dataclass
class Model:
    """What one request should look like: sums of what happened, each once."""

    due: int
    paid: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)

    owed: int = 0
    credit: int = 0

    def pay(self, key: str, minor: int) -> None:
        if key not in self.paid:
            self.paid[key] = minor
            settles = min(minor, self.owed)
            self.owed -= settles
            self.credit += minor - settles

    def take_back(self, key: str, minor: int) -> None:
        if key not in self.paid:
            self.paid[key] = -minor
            out = min(minor, self.credit)
            self.credit -= out
            self.owed += minor - out

    def refund(self, minor: int) -> bool:
        received = sum(self.paid.values())
        return 0 < minor <= received - sum(self.refunded.values())


@dataclass(frozen=True)
class Booked:
    """An entry of the bank for a request; `minor` is negative when the bank took it back."""

    request_id: UUID
    key: str
    minor: int
    entry: Paid


class Money(RuleBasedStateMachine):
    """One firm; requests are paid by files and cards that come late, twice and out of order."""

    firm: ClassVar[Firm]
    entries: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.clock = self.firm.clock
        self.somebody = self.firm.somebody()
        with self.firm.payments.factory.begin(write=False) as uow:
            self.before = self._going_back(uow.session)
        self.requests: list[PaymentRequest] = []
        self.models: dict[UUID, Model] = {}
        self.files: list[tuple[bytes, list[Booked]]] = []
        self.payouts: dict[str, int] = {}
        self.returns = 0
        self.told: list[tuple[Webhook, UUID, str, int]] = []

    @precondition(lambda self: len(self.requests) < 2)
    @rule(minor=MINORS)
    def issue(self, minor: int) -> None:
        request = self.firm.asked(minor)
        self.requests.append(request)
        self.models[request.id] = Model(minor, owed=minor)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), minor=MINORS, returned=st.booleans(), is_late=st.booleans(), overlaps=st.booleans())
    def bank_books(
        self, data: st.DataObject, minor: int, returned: bool, is_late: bool, overlaps: bool
    ) -> None:
        request = data.draw(st.sampled_from(self.requests))
        Money.entries += 1
        key, signed = f"B{self.entries}", -minor if returned else minor
        entry = Paid(signed, request.reference, bank_reference=key, returned=returned)
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
        for booked in sorted(every, key=lambda booked: booked.minor < 0):
            model = self.models[booked.request_id]
            if booked.minor > 0:
                model.pay(booked.key, booked.minor)
            else:
                model.take_back(booked.key, -booked.minor)

    @precondition(lambda self: any(model.owed for model in self.models.values()))
    @rule(data=st.data())
    def customer_pays_by_card(self, data: st.DataObject) -> None:
        owing = [request for request in self.requests if self.models[request.id].owed]
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

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), minor=MINORS, fault=st.sampled_from([None, *Fault]))
    def refund(self, data: st.DataObject, minor: int, fault: Fault | None) -> None:
        request = data.draw(st.sampled_from(self.requests))
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
                    alone_minor=10_000,
                )
        except RefundTooLarge:
            return
        assert model.refund(minor)
        model.refunded[str(seen.id)] = minor
        out = min(minor, model.credit)
        model.credit -= out
        if fault in (Fault.TIMEOUT_AFTER_REFUNDING, Fault.AWAY, Fault.REFUND_FAILS):
            self.firm.stub.fault(fault)
        for _ in range(2):
            send_refunds(self.firm.payments.factory, self.firm.payments.providers)
        self.firm.stub._faults.clear()
        with self.firm.payments.factory.begin(write=False) as uow:
            state = queries.refund_state(uow.session, seen.id)
        if state is RefundState.FAILED:
            del model.refunded[str(seen.id)]
            model.credit += out
        else:
            self.returns += minor - out
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
            assert seen.received == sum(model.paid.values())
            assert seen.refunding == sum(model.refunded.values())
        assert going_back == (self.before[0] - sum(self.payouts.values()), self.before[1] + self.returns)

    def _going_back(self, session: Session) -> tuple[int, int]:
        """What is to be refunded and did not go yet, and what of refunds was earned: of the whole firm."""
        kinds = (AccountKind.REFUND_PAYABLE, AccountKind.RETURNS)
        payable, returns = (sum(queries.balances_of(session, kind).values()) for kind in kinds)
        return payable, returns


def test_money_is_where_the_model_says_after_any_history(lite_firm: Firm) -> None:
    Money.firm = lite_firm
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # Hypothesis has no types here
        Money,
        settings=settings(max_examples=12, stateful_step_count=20, deadline=None, derandomize=True),
    )
    faults = check_ledger(lite_firm.payments.sides).faults
    assert [fault for fault in faults if "badge" not in fault] == []
