"""Sends refunds that were approved: asked of the provider outside any transaction, and never twice."""

from __future__ import annotations

from uuid import UUID

import structlog

from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.payments import ledger, queries
from backend.payments.deposits import hold, use_deposits
from backend.payments.inbox import Providers
from backend.payments.models import Refund, RefundStep
from backend.payments.providers import Provider
from backend.payments.rules import postings
from backend.payments.rules.errors import ProviderRefused, ProviderUnavailable, RefundPending
from backend.payments.rules.money import Money
from backend.payments.rules.postings import Account, AccountKind, ByPerson, Reversal, TransactionKind
from backend.payments.rules.refunding import NOT_REFUNDED
from backend.payments.turns import Turns
from schemas.errors import DomainError
from schemas.payments import RefundState, RequestKind

log = structlog.get_logger(__name__)

SETTLED = frozenset({RefundState.DONE, *NOT_REFUNDED})


def take_step(
    uow: UnitOfWork, refund_id: UUID, state: RefundState, *, person_id: UUID | None = None, detail: str = ""
) -> None:
    """Write down a step of a refund."""
    uow.add(
        RefundStep(
            id=uow.mint_id(), refund_id=refund_id, state=state, at=uow.now, person_id=person_id, detail=detail
        )
    )


def send_refunds(factory: UnitOfWorkFactory, providers: Providers, turns: Turns | None = None) -> int:
    """Send what was approved and has no outcome yet; how many reached one.

    The refund's own id is the provider's key: an answer that was lost is asked for again, and nothing is sent
    twice. A refund whose outcome nobody knows stays where it is, for everybody to see. A provider that does
    not answer for one refund is asked for another in the next round: it may be away, or that one alone may
    have no answer. `turns` is what earlier rounds learned.
    """
    turns = turns or Turns()
    with factory.begin(write=False) as uow:
        waiting = {
            refund.id: (refund.provider, refund.payment_id, Money(refund.amount_minor, refund.currency))
            for refund in queries.refunds_to_send(uow.session)
            if refund.provider in providers  # by bank a person sends it, and says so
        }
        due = turns.next_of(lambda most: list(waiting)[:most], uow.now)
    settled, away = 0, set[str]()
    for refund_id in due:
        if refund_id not in waiting:  # another process was faster
            turns.over(refund_id)
            continue
        name, payment_id, money = waiting[refund_id]
        if name in away:
            continue
        try:
            _send(factory, providers[name], refund_id, payment_id, money)
        except RefundPending as error:
            _wait(turns, factory, refund_id, error)
        except ProviderUnavailable as error:
            away.add(name)
            _wait(turns, factory, refund_id, error)
        except Exception as error:
            # Asked of the provider again under the same key next time: nothing goes twice.
            if turns.in_vain(refund_id, factory.clock(), type(error).__name__):
                log.exception("refund.stalled", refund=str(refund_id))
        else:
            turns.over(refund_id)
            settled += 1
    return settled


def _wait(turns: Turns, factory: UnitOfWorkFactory, refund_id: UUID, error: DomainError) -> None:
    if turns.in_vain(refund_id, factory.clock(), error.code):
        log.warning("refund.unknown", refund=str(refund_id), code=error.code)


def _send(
    factory: UnitOfWorkFactory, provider: Provider, refund_id: UUID, payment_id: str, money: Money
) -> None:
    try:
        went = provider.refund(payment_id, money, key=str(refund_id))
    except ProviderRefused as error:
        log.error("refund.refused", refund=str(refund_id), code=error.code)
        went = False
    with factory.begin() as uow:
        settle_refund(uow, refund_id, went=went, out_of=_clearing(provider, money))


def _clearing(provider: Provider, money: Money) -> Account:
    return Account(AccountKind.CLEARING, money.currency, detail=provider.name)


def settle_refund(
    uow: UnitOfWork, refund_id: UUID, *, went: bool, out_of: Account, person_id: UUID | None = None
) -> None:
    """Post what came of a refund, once: the money went, or the whole of it is taken back."""
    queries.lock_subject(uow.session, refund_id)
    refund = queries.refund_by_id(uow.session, refund_id)
    if queries.refund_state(uow.session, refund_id) in SETTLED:
        return
    money = Money(refund.amount_minor, refund.currency)
    if went:
        ledger.post(uow, postings.refund_done(refund.id, refund.request_id, money, out_of, uow.now))
    else:
        reverse_refund(uow, refund, TransactionKind.REFUND_FAILED)
    state = RefundState.DONE if went else RefundState.FAILED
    take_step(uow, refund_id, state, person_id=person_id)


def reverse_refund(
    uow: UnitOfWork, refund: Refund, kind: TransactionKind, by: ByPerson | None = None
) -> None:
    """Take back that a refund was asked for: it failed, or somebody said no."""
    hold(uow, [refund.request_id])
    asked = queries.posted_under(uow.session, "refund", f"{refund.id}:asked")
    key = f"{refund.id}:{kind.value.removeprefix('refund_')}"
    who = (by.person_id, by.note) if by else (None, None)
    reversal = Reversal("refund", key, kind, uow.now, *who)
    ledger.post(uow, postings.reversed_by(asked, reversal))
    # Of a deposit whose bill was issued meanwhile: what did not go back is there for the bill again.
    request = queries.request_by_id(uow.session, refund.request_id)
    if request.kind is RequestKind.DEPOSIT:
        use_deposits(uow, request.work_order_id, f"refund:{key}")
