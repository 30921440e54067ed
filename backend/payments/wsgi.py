"""What a payments process loads: its application on the settings of its environment, and its workers."""

from __future__ import annotations

from backend.outbox.rules import Lane
from backend.outbox.worker import OutboxWorker
from backend.payments.app import Rounds, create_payments_app, transports, wire_payments
from backend.payments.settings import read_payments_settings

wiring = wire_payments(read_payments_settings())
application = create_payments_app(wiring)
outboxes = [OutboxWorker(wiring.factory, transports(wiring), lane=lane) for lane in Lane]
for outbox in outboxes:
    outbox.start()
rounds = Rounds(wiring)
rounds.start()
