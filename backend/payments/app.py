"""The composition root of the payments process: its wiring, its application, and its rounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from flask import Flask
from uuid_utils.compat import uuid7

from backend.access.secret import derive, server_secret
from backend.outbox.rules import Lane
from backend.outbox.transports import Transport, mail_transport
from backend.outbox.worker import OutboxWorker
from backend.payments.badges import KIND as BADGE
from backend.payments.badges import BadgeTransport
from backend.payments.billing import bill_what_was_approved, end_deposits_of_done_work
from backend.payments.databases import TwoSides, open_both
from backend.payments.desk_routes import desk
from backend.payments.inbox import LONGEST_PAUSE as LONGEST_PAUSE_OF_MESSAGES
from backend.payments.inbox import poll, work_inbox
from backend.payments.links import PaymentLinks
from backend.payments.pages import pages
from backend.payments.people import FinanceDoor
from backend.payments.providers import Provider
from backend.payments.providers.stripe import StripeProvider
from backend.payments.providers.stub import StubProvider
from backend.payments.reconciling import reconcile_when_due
from backend.payments.refunds import send_refunds
from backend.payments.requesting import Terms
from backend.payments.routes import finance, webhooks
from backend.payments.rules.telling import Texting
from backend.payments.settings import PaymentsSettings
from backend.payments.stub_pages import stub_pages
from backend.payments.texts import sms_transport
from backend.payments.turns import LONGEST_PAUSE, Turns
from backend.payments.wiring import PaymentsWiring
from backend.web.serving import install_web
from backend.web.wiring import EXTENSION

log = structlog.get_logger(__name__)

ROUND_SECONDS = 2.0
POLL_EVERY = timedelta(days=1)
POLL_BACK = timedelta(days=8)
"""A provider tries for three days; a week more is for holidays."""
LONGEST_ROUND = 60.0


def wire_payments(
    settings: PaymentsSettings,
    *,
    sides: TwoSides | None = None,
    clock: Callable[[], datetime] | None = None,
    mint_id: Callable[[], UUID] = uuid7,
) -> PaymentsWiring:
    """Put everything but HTTP together. Raises SettingsError, WeakSecret."""
    clock = clock or settings.clock
    secret = server_secret(settings.secret, settings.data_dir)
    links = PaymentLinks(derive(secret, "payment link"), settings.public_url)
    return PaymentsWiring(
        payments=settings,
        settings=settings.web,
        sides=sides or open_both(settings, clock, mint_id),
        clock=clock,
        authenticator=FinanceDoor(settings),
        terms=Terms(
            firm=settings.firm_name,
            links=links,
            days_to_pay=settings.days_to_pay,
            usual_tax_basis_points=settings.usual_tax_basis_points,
            texting=Texting(settings.sms_url is not None, settings.country),
        ),
        providers=_providers(settings, secret),
    )


def _providers(settings: PaymentsSettings, secret: bytes) -> Mapping[str, Provider]:
    every: list[Provider] = []
    if settings.stub_provider:
        every.append(StubProvider(derive(secret, "stub"), f"{settings.public_url.rstrip('/')}/stub"))
    if settings.stripe_key is not None and settings.stripe_webhook_secret is not None:
        every.append(StripeProvider(settings.stripe_key, settings.stripe_webhook_secret))
    return {provider.name: provider for provider in every}


def create_payments_app(wiring: PaymentsWiring) -> Flask:
    """The application: the customers' pages, the doors of finance and of providers."""
    app = Flask("backend.payments", static_folder=None, template_folder=None)
    api = install_web(app, wiring.settings)
    api.register_blueprint(finance)
    api.register_blueprint(desk)
    api.register_blueprint(webhooks)
    app.register_blueprint(pages)
    if any(isinstance(provider, StubProvider) for provider in wiring.providers.values()):
        app.register_blueprint(stub_pages)
    app.extensions[EXTENSION] = wiring
    return app


def transports(wiring: PaymentsWiring) -> Mapping[str, Transport]:
    """What carries the ledger's outbox."""
    settings = wiring.payments
    mail = mail_transport(settings.mail_url, settings.mail_folder, settings.mail_sender)
    every: dict[str, Transport] = {"mail": mail, BADGE: BadgeTransport(wiring.sides)}
    if settings.sms_url is not None:
        every["sms"] = sms_transport(
            settings.sms_url, settings.sms_folder, sender=settings.sms_sender, key=settings.sms_key
        )
    return every


def start_outbox(wiring: PaymentsWiring) -> Sequence[OutboxWorker]:
    """Start to carry it, a thread per lane: no badge waits for a mail server, and no mail for a gateway."""
    workers = [OutboxWorker(wiring.factory, transports(wiring), lane=lane) for lane in Lane]
    for worker in workers:
        worker.start()
    return workers


class Rounds:
    """What is looked at again and again: approvals, messages, refunds, and daily what nobody told."""

    def __init__(self, wiring: PaymentsWiring) -> None:
        self._wiring = wiring
        self._messages = Turns(LONGEST_PAUSE_OF_MESSAGES)
        self._bills, self._ended, self._refunds = (Turns(LONGEST_PAUSE) for _ in range(3))
        self._polled_at: datetime | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """End after the round at hand."""
        self._stopping.set()
        self._thread.join(timeout)

    def once(self) -> list[str]:
        """One round; the steps that failed. Each is by itself: one that fails keeps no other from it."""
        wiring, now = self._wiring, self._wiring.clock()
        steps: dict[str, Callable[[], object]] = {
            "billing": partial(bill_what_was_approved, wiring.factory, wiring.terms, self._bills),
            "deposits": partial(end_deposits_of_done_work, wiring.factory, self._ended),
            "inbox": partial(work_inbox, wiring.factory, wiring.providers, self._messages),
            "refunds": partial(send_refunds, wiring.factory, wiring.providers, self._refunds),
        }
        if self._polled_at is None or now - self._polled_at >= POLL_EVERY:
            self._polled_at = now
            for name, provider in wiring.providers.items():
                steps[f"poll {name}"] = partial(poll, wiring.factory, provider, now - POLL_BACK)
        steps["reconciling"] = partial(reconcile_when_due, wiring.sides, wiring.providers, now)
        return [name for name, step in steps.items() if not _done(name, step)]

    def _run(self) -> None:
        pause = ROUND_SECONDS
        while not self._stopping.wait(pause):
            # A database or provider is away. The thread must outlive that, without filling the log.
            pause = min(pause * 2, LONGEST_ROUND) if self.once() else ROUND_SECONDS


def _done(name: str, step: Callable[[], object]) -> bool:
    try:
        step()
    except Exception:
        log.exception("rounds.stalled", step=name)
        return False
    return True
