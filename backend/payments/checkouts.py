"""Opens a way to pay at a provider: asked outside any transaction, written down after."""

from __future__ import annotations

from uuid import UUID

from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from backend.payments import queries
from backend.payments.providers import Opened, Provider
from backend.payments.rules.errors import NothingOwed, ProviderRefused
from backend.payments.rules.money import Money


def open_checkout(
    factory: UnitOfWorkFactory, provider: Provider, request_id: UUID, *, firm: str, back: str
) -> str:
    """The address where the customer pays what is to be paid now; asking again gives the same.

    The key that makes it the same is the request with the amount and what was received so far: an answer that
    was lost is found again, and after a part was paid there is a new checkout for the rest.
    Raises PaymentRequestNotFound, NothingOwed, ProviderRefused, ProviderUnavailable.
    """
    with factory.begin(write=False) as uow:
        request = queries.request_by_id(uow.session, request_id)
        standing = queries.standing_of(uow.session, request_id)
    if standing.to_pay <= 0:
        raise NothingOwed("There is nothing left to pay for this.")
    to_pay = Money(standing.to_pay, request.currency)
    if not provider.takes(to_pay):
        raise ProviderRefused(f"{to_pay} cannot be paid this way; pay by bank transfer.")
    key = f"{request_id}:{to_pay.minor}:{standing.received}"
    opened = provider.open_checkout(request_id, to_pay, key=key, words=f"{firm} {request.number}", back=back)
    with factory.begin() as uow:
        _keep(uow, provider, request_id, opened, to_pay)
    return opened.url


def _keep(uow: UnitOfWork, provider: Provider, request_id: UUID, opened: Opened, to_pay: Money) -> None:
    queries.keep_checkout(
        uow.session,
        {
            "id": uow.mint_id(),
            "request_id": request_id,
            "provider": provider.name,
            "provider_id": opened.provider_id,
            "url": opened.url,
            "amount_minor": to_pay.minor,
            "currency": to_pay.currency,
            "created_at": uow.now,
        },
    )
