"""The oracle of the ledger: what must be true of money, looked at from the stored rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from backend.payments import queries
from backend.payments.badges import badge_state
from backend.payments.databases import TwoSides
from backend.payments.inbox import Providers
from backend.payments.matters import LONGEST_WAIT
from backend.payments.queries import field_side
from backend.payments.rules.deposits import could_be_used
from backend.payments.rules.errors import ProviderUnavailable
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind
from backend.payments.rules.statements import what_does_not_follow
from schemas.visits import PaymentBadgeState

LONGEST_SUSPENSE = timedelta(days=5)
LONGEST_TRANSIT = timedelta(days=14)
"""How long a provider's payout may be on its way to the bank, and then wait to be cleared."""
_AT_ONCE = 500


@dataclass
class LedgerChecked:
    """What was found: figures, and every fault as a sentence. No names and no references in either."""

    figures: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {"sound": self.sound, "figures": self.figures, "faults": self.faults}


def check_ledger(sides: TwoSides) -> LedgerChecked:
    """Sums, references, badges, messages and suspense; changes nothing."""
    with sides.ledger.begin(write=False) as uow:
        session, now = uow.session, uow.now
        checked = LedgerChecked(dict(queries.figures(session)))
        checked.faults += [
            f"transaction {transaction}: its entries in {currency} sum to {total}, not to 0"
            for transaction, currency, total in queries.unbalanced(session)
        ]
        checked.faults += [
            f"transaction {transaction}: it has no entries"
            for transaction in queries.empty_transactions(session)
        ]
        checked.faults += _requests_that_were_not_issued_right(session)
        checked.faults += _deposits_that_went_astray(session)
        checked.faults += _badges_that_lie(session)
        checked.faults += _what_waits_too_long(session, now)
        checked.faults += _what_nobody_looked_into(session, now)
    return checked


def _requests_that_were_not_issued_right(session: Session) -> Iterator[str]:
    for request_id, due, issued, lines in queries.issued_against_lines(session):
        if due != issued:
            yield f"request {request_id}: {due} is due and {issued} was issued"
        if lines is not None and lines != due:
            yield f"request {request_id}: {due} is due and its lines make {lines}"


def _deposits_that_went_astray(session: Session) -> Iterator[str]:
    """A deposit that is forgotten while its bill is owed, used twice, or booked where no deposit is."""
    orders: dict[UUID, list[UUID]] = {}
    for deposit_id, work_order_id in queries.every_deposit(session):
        orders.setdefault(work_order_id, []).append(deposit_id)
    for account, total in queries.balances_of(session, AccountKind.DEPOSITS).items():
        if not any(account.subject in deposits for deposits in orders.values()):
            yield f"account {account.code}: {-total} is held, and it is of no deposit"
        if total > 0:
            yield f"account {account.code}: {total} more was used or paid back than came in"
    for transaction_id in queries.strangers_deposits(session):
        yield f"transaction {transaction_id}: it does not go between a deposit and a bill of its work order"
    for work_order_id in orders:
        yield from _deposits_not_used(session, work_order_id)


def _deposits_not_used(session: Session, work_order_id: UUID) -> Iterator[str]:
    bills = queries.bills_of(session, work_order_id)
    for deposit in queries.ended_deposits(session, work_order_id):
        if deposit.standing.held:
            yield f"deposit {deposit.id}: {deposit.standing.held} is held, and it is no longer asked for"
        for bill in bills:
            if could_be_used(deposit, bill):
                yield f"deposit {deposit.id}: it has money left, and request {bill.id} is owed"


def _badges_that_lie(session: Session) -> Iterator[str]:
    """A badge that says something else than the ledger: waiting in the outbox, or forged."""
    shown = dict(_every_badge(session))
    orders = queries.work_orders_with_requests(session)
    for work_order_id, request_ids in orders.items():
        wanted = badge_state(queries.standings(session, request_ids).values())
        said = shown.pop(work_order_id, PaymentBadgeState.NONE.value)
        if said != wanted.value:
            yield f"work order {work_order_id}: the badge says {said}, the ledger {wanted.value}"
    for work_order_id, said in shown.items():
        if said != PaymentBadgeState.NONE.value:
            yield f"work order {work_order_id}: the badge says {said}, and nothing was ever asked for it"


def _every_badge(session: Session) -> Iterator[tuple[UUID, str]]:
    after: UUID | None = None
    while page := field_side.badges_shown(session, after, _AT_ONCE):
        yield from page
        after = page[-1][0]


def _what_waits_too_long(session: Session, now: datetime) -> Iterator[str]:
    for event_id in queries.events_waiting_since(session, now - LONGEST_WAIT):
        yield f"message {event_id}: nobody acted on it"
    waiting = queries.suspense(session)
    for entry in queries.bank_entries(session, waiting.keys()):
        if entry.booked_on < (now - LONGEST_SUSPENSE).date():
            yield f"bank entry {entry.id}: in suspense since {entry.booked_on.isoformat()}"
    for refund in queries.refunds_to_send(session):
        if refund.asked_at < now - LONGEST_SUSPENSE:
            yield f"refund {refund.id}: approved, and no outcome"


def _what_nobody_looked_into(session: Session, now: datetime) -> Iterator[str]:
    """What `GET /matters` shows to finance, and stood there for too long."""
    for report_id, at in field_side.reports_unbilled_since(session, now - LONGEST_WAIT, _AT_ONCE):
        yield f"report {report_id}: charges that were approved on {at.date().isoformat()} are not billed"
    for unsent in queries.unsent_messages(session):
        yield f"outbox message {unsent.id} ({unsent.kind}): given up"
    for refused in queries.refused_messages(session):
        if refused.at < now - LONGEST_SUSPENSE:
            yield f"message {refused.event_id}: refused, and nobody looked into it"
    for complaint in queries.unsettled_complaints(session):
        if complaint.said_at < now - LONGEST_SUSPENSE:
            yield f"complaint {complaint.id}: nobody looked into it"


def reconcile(sides: TwoSides, providers: Providers) -> list[str]:
    """What does not agree between ledger, providers and bank; each as a sentence. Asks the providers."""
    with sides.ledger.begin(write=False) as uow:
        since = uow.now - LONGEST_TRANSIT
        accounts = queries.balances_of(uow.session, AccountKind.CLEARING)
        statements = queries.statements_told(uow.session)
        bank = queries.balances_of(uow.session, AccountKind.BANK)
    alarms = list(_clearing_against_providers(accounts, providers, since))
    for (iban, currency), every in statements.items():
        moved = bank.get(Account(AccountKind.BANK, currency, detail=iban), 0)
        alarms += [f"account …{iban[-4:]}: {what}" for what in what_does_not_follow(every, moved)]
    return alarms


def _clearing_against_providers(
    accounts: dict[Account, int], providers: Providers, since: datetime
) -> Iterator[str]:
    for account, total in accounts.items():
        provider = providers.get(account.detail)
        if provider is None:
            continue
        try:
            held = provider.balance(account.currency)
            payouts = provider.payouts(account.currency, since) if held.minor != total else ()
        except ProviderUnavailable:
            yield f"{account.detail}: does not answer"
            continue
        # What left the provider is the ledger's there until a bank entry is cleared as payout: the latest
        # payouts, one after the other. Any other difference is one.
        on_their_way = accumulate(payout.minor for payout in payouts)
        if held.minor != total and total - held.minor not in on_their_way:
            ours = Money(total, account.currency)
            yield f"{account.detail}: by the ledger it holds {ours}, by itself {held}"
