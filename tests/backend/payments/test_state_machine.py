"""Issuing, paying, refunding and returning in any order, doubled and interrupted, against a small model."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backend.payments import queries
from backend.payments.actions import ask_refund
from backend.payments.bank.statements import import_statements
from backend.payments.checks import check_ledger
from backend.payments.inbox import work_inbox
from backend.payments.models import PaymentRequest
from backend.payments.providers.stub import Fault, Webhook
from backend.payments.refunds import send_refunds
from backend.payments.rules.errors import RefundTooLarge
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_providers import checkout_of, tell
from tests.backend.payments.world import IBAN, Firm, firm_on
from tests.clock import SettableClock
from tests.conftest import HOME
from tests.databases import Databases

MINORS = st.sampled_from([1, 700, 1_000, 1_300])


@dataclass
class Model:
    """What one request should look like: sums of what happened, each once."""

    due: int
    paid: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)
    from_credit: int = 0
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


class Money(RuleBasedStateMachine):
    """One firm; requests are paid by files and cards that come late, twice and out of order."""

    @initialize()
    def begin(self) -> None:
        self.life = ExitStack()
        folder = Path(self.life.enter_context(tempfile.TemporaryDirectory()))
        self.life.callback(shutil.rmtree, folder, ignore_errors=True)
        self.clock = SettableClock()
        self.firm: Firm = self.life.enter_context(
            firm_on(Databases(Path(os.environ[HOME])), "sqlite", self.clock, folder / "firm")
        )
        self.requests: list[PaymentRequest] = []
        self.models: dict[UUID, Model] = {}
        self.files: list[tuple[bytes, UUID, str, int]] = []
        self.told: list[tuple[Webhook, UUID, str, int]] = []
        self.entries = 0

    def teardown(self) -> None:
        if hasattr(self, "life"):
            self.life.close()

    @rule(minor=MINORS)
    def issue(self, minor: int) -> None:
        request = self.firm.asked(minor)
        self.requests.append(request)
        self.models[request.id] = Model(minor, owed=minor)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), minor=MINORS, returned=st.booleans())
    def bank_books(self, data: st.DataObject, minor: int, returned: bool) -> None:
        request = data.draw(st.sampled_from(self.requests))
        self.entries += 1
        signed = -minor if returned else minor
        entry = Paid(signed, request.reference, bank_reference=f"B{self.entries}", returned=returned)
        file = statement_file([entry], statement_id=f"S{self.entries}", sequence=self.entries)
        self.files.append((file, request.id, f"B{self.entries}", signed))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), dies=st.booleans())
    def import_file(self, data: st.DataObject, dies: bool) -> None:
        file, request_id, key, minor = data.draw(st.sampled_from(self.files))
        try:
            with self.firm.payments.factory.begin() as uow:
                import_statements(uow, io.BytesIO(file), name="a", person_id=None, own_iban=IBAN)
                if dies:
                    raise InterruptedError
        except InterruptedError:
            return
        model = self.models[request_id]
        if minor > 0:
            model.pay(key, minor)
        else:
            model.take_back(key, -minor)

    @precondition(lambda self: any(model.owed for model in self.models.values()))
    @rule(data=st.data())
    def customer_pays_by_card(self, data: st.DataObject) -> None:
        owing = [request for request in self.requests if self.models[request.id].owed]
        request = data.draw(st.sampled_from(owing))
        checkout = checkout_of(self.firm, request)
        minor = self.firm.stub.look_at(checkout).money.minor
        self.told.append((self.firm.stub.pay(checkout, self.clock()), request.id, checkout, minor))

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
        somebody = self.firm.somebody()
        try:
            with self.firm.payments.factory.begin() as uow:
                seen = ask_refund(
                    uow,
                    somebody,
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
            has_failed = queries.refund_state(uow.session, seen.id) == "failed"
        if has_failed:
            del model.refunded[str(seen.id)]
            model.credit += out

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        for request_id, model in getattr(self, "models", {}).items():
            with self.firm.payments.factory.begin(write=False) as uow:
                seen = queries.standing_of(uow.session, request_id)
            received, refunding = sum(model.paid.values()), sum(model.refunded.values())
            assert (seen.owed, seen.credit) == (model.owed, model.credit)
            assert (seen.received, seen.refunding) == (received, refunding)
            assert seen.issued == model.due

    @invariant()
    def nothing_is_unbalanced(self) -> None:
        if hasattr(self, "firm"):
            faults = check_ledger(self.firm.payments.sides).faults
            assert [fault for fault in faults if "badge" not in fault] == []


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=6,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
