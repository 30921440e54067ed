"""What providers tell: kept as it came, answered at once, believed only after fetching the payment fresh."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.payments import ledger, queries
from backend.payments.disputing import follow_dispute
from backend.payments.providers import PaymentSeen, PaymentState, Provider
from backend.payments.receiving import receive
from backend.payments.rules import postings
from backend.payments.rules.errors import (
    PaymentNotOurs,
    ProviderNotFound,
    ProviderRefused,
    ProviderUnavailable,
    WebhookRefused,
)
from backend.payments.rules.postings import Account, AccountKind, Receipt, TransactionKind
from backend.payments.turns import Turns
from schemas.errors import DomainError
from schemas.payments import InboxState

log = structlog.get_logger(__name__)

KEPT_HEADERS = 4_000
PATIENCE = timedelta(hours=1)
"""How long a message may speak of a checkout that we do not know: our own row may not be committed yet."""
LONGEST_PAUSE = timedelta(minutes=1)
"""Between two looks at such a message: each asks the provider, who counts how often we ask."""
AWAY_AFTER = 2
"""Of so many checkouts a provider gave no answer when it is taken to be away: one alone may have none."""
STILL_MOVING = timedelta(days=14)
"""For so long after a dispute is decided its money may still move."""

Providers = Mapping[str, Provider]
_WRITTEN_WITH_POSTING = frozenset({InboxState.POSTED, InboxState.NOTHING_NEW})


def provider_named(providers: Providers, name: str) -> Provider:
    """That provider; raises ProviderNotFound."""
    if name not in providers:
        raise ProviderNotFound("See the payment page for the ways to pay.")
    return providers[name]


def take_message(
    factory: UnitOfWorkFactory, provider: Provider, raw: bytes, headers: Mapping[str, str]
) -> bool:
    """Check a message and keep it; whether it is new. Raises WebhookRefused, and then nothing is kept.

    What it says is not acted on here: the sender waits, and may send the same again at any moment.
    """
    try:
        message = provider.read_message(raw, headers, factory.clock())
    except WebhookRefused as error:
        # Somebody tries, or a secret is wrong on one side: either is to be seen.
        log.warning("webhook.refused", provider=provider.name, reason=error.extensions.get("reason"))
        raise
    with factory.begin() as uow:
        return queries.keep_message(
            uow.session,
            {
                "id": uow.mint_id(),
                "provider": provider.name,
                "event_id": message.event_id,
                "raw": raw,
                "headers": {name: value[:KEPT_HEADERS] for name, value in headers.items()},
                "received_at": uow.now,
                "verified": True,
            },
        )


def work_inbox(factory: UnitOfWorkFactory, providers: Providers, turns: Turns | None = None) -> int:
    """Act on the messages that wait; how many were settled. One that cannot be settled yet waits on.

    A provider that does not answer for one message is asked for another in the next round: it may be away, or
    that one alone may have no answer. `turns` is what earlier rounds learned.
    """
    turns = turns or Turns()
    with factory.begin(write=False) as uow:
        due = turns.next_of(partial(queries.waiting_event_ids, uow.session, providers), uow.now)
        waiting = {
            event.id: (event.provider, event.raw, event.received_at)
            for event in queries.waiting_events(uow.session, due)
        }
    settled, away = 0, set[str]()
    for event_id in due:
        if event_id not in waiting:  # another process was faster
            turns.over(event_id)
            continue
        name, raw, received_at = waiting[event_id]
        if name in away:
            continue
        is_over = False
        try:
            is_over = _work(factory, providers[name], (event_id, received_at), raw)
        except ProviderUnavailable:
            away.add(name)
        except Exception as error:
            # It waits on, for everybody to see (`check` counts it), and holds up no other.
            if turns.in_vain(event_id, factory.clock(), type(error).__name__):
                log.exception("inbox.stalled", event_row=str(event_id), provider=name)
            continue
        if is_over:
            turns.over(event_id)
        else:
            turns.in_vain(event_id, factory.clock())
        settled += is_over
    return settled


def _work(factory: UnitOfWorkFactory, provider: Provider, event: tuple[UUID, datetime], raw: bytes) -> bool:
    event_id, received_at = event
    try:
        message = provider.recall_message(raw)
        if message.checkout_id is None:
            return _settle(factory, event_id, InboxState.IGNORED, f"{message.kind} is about no checkout")
        state, detail = believe(factory, provider, message.checkout_id, told_by=event_id)
    except ProviderUnavailable:
        raise
    except ProviderRefused as error:
        if factory.clock() - received_at < PATIENCE:
            return False
        # After that our own row will not come any more: whoever shares the account is told of nothing.
        is_ours = not isinstance(error, PaymentNotOurs)
        state, detail = (InboxState.REFUSED if is_ours else InboxState.IGNORED), error.detail
    except DomainError as error:
        state, detail = InboxState.REFUSED, error.detail
    return state in _WRITTEN_WITH_POSTING or _settle(factory, event_id, state, detail)


def _settle(factory: UnitOfWorkFactory, event_id: UUID, state: InboxState, detail: str) -> bool:
    if state is InboxState.REFUSED:
        log.error("inbox.refused", event_row=str(event_id))
    elif state is InboxState.IGNORED:
        log.info("inbox.ignored", event_row=str(event_id), reason=detail)
    with factory.begin() as uow:
        _keep_outcome(uow, event_id, state, detail)
    return True


def _keep_outcome(uow: UnitOfWork, event_id: UUID, state: InboxState, detail: str) -> None:
    outcome = {"event_id": event_id, "state": state, "detail": detail, "at": uow.now}
    queries.keep_outcome(uow.session, outcome)


def poll(factory: UnitOfWorkFactory, provider: Provider, since: datetime) -> int:
    """Ask about checkouts nobody told us anything of, and about disputes that are not decided for a while:
    messages may never come. Of how many there was something to post."""
    with factory.begin(write=False) as uow:
        unanswered = queries.unanswered_checkouts(uow.session, provider.name, since)
        checkout_ids = [checkout.provider_id for checkout in unanswered]
        checkout_ids += queries.disputed_checkouts(uow.session, provider.name, uow.now - STILL_MOVING)
    found = unanswered_for = 0
    for checkout_id in checkout_ids:
        try:
            state, _ = believe(factory, provider, checkout_id)
        except ProviderUnavailable as error:
            log.warning("poll.failed", provider=provider.name, code=error.code)
            unanswered_for += 1
            if unanswered_for == AWAY_AFTER:
                break  # it would be asked in vain for each of them
            continue
        except DomainError as error:
            log.warning("poll.failed", provider=provider.name, code=error.code)
            continue
        except Exception:
            log.exception("poll.stalled", provider=provider.name)
            continue
        found += state is InboxState.POSTED
    return found


def believe(
    factory: UnitOfWorkFactory, provider: Provider, checkout_id: str, *, told_by: UUID | None = None
) -> tuple[InboxState, str]:
    """Fetch a payment fresh, hold it against our own rows, and post what is true of it: in any order, once.

    With the posting goes the outcome of the message that told of it: one transaction for both.
    Raises ProviderUnavailable (try again), ProviderRefused (of a checkout that is known on one side only),
    PaymentNotOurs (of something else that shares our account).
    """
    seen = provider.look_at(checkout_id)
    if seen.account != provider.account or seen.live is not provider.live:
        return InboxState.REFUSED, "the payment is of another account or mode"
    if seen.state in (PaymentState.OPEN, PaymentState.GONE) or seen.payment_id is None:
        return InboxState.IGNORED, f"the payment is {seen.state}"
    with factory.begin() as uow:
        checkout = queries.checkout_by_provider_id(uow.session, provider.name, seen.checkout_id)
        if checkout is None:
            if seen.opened_here or queries.is_request(uow.session, seen.request_id):
                raise ProviderRefused("The payment is for a bill of ours, and we know of no such checkout.")
            raise PaymentNotOurs("The payment is for nothing that we asked for.")
        agreed = (checkout.request_id, checkout.amount_minor, checkout.currency)
        if (seen.request_id, seen.money.minor, seen.money.currency) != agreed:
            return InboxState.REFUSED, "the payment is not what was agreed: request, amount or currency"
        fresh = _post(uow, provider, checkout.request_id, seen)
        state = InboxState.POSTED if fresh else InboxState.NOTHING_NEW
        if told_by is not None:
            _keep_outcome(uow, told_by, state, seen.payment_id)
    return state, seen.payment_id


def _post(uow: UnitOfWork, provider: Provider, request_id: UUID, seen: PaymentSeen) -> bool:
    clearing = Account(AccountKind.CLEARING, seen.money.currency, detail=provider.name)
    key = f"payment:{seen.payment_id}"
    receipt = Receipt(clearing, seen.money.minor, provider.name, key, TransactionKind.CARD_PAID, uow.now)
    # A dispute may be heard of before the payment it is about: both are posted, in the order they happened.
    fresh = receive(uow, request_id, receipt)
    if seen.fee is not None and seen.fee.minor:
        ledger.post(uow, postings.fee(provider.name, seen.fee, f"fee:{seen.payment_id}", uow.now))
    for dispute in seen.disputes:
        fresh |= follow_dispute(uow, provider.name, request_id, seen, dispute)
    return fresh
