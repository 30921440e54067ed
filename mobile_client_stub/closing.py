"""The end of a report on the phone: what the customer saw is written down, hashed and signed."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mobile_client_stub import journal
from mobile_client_stub.manifest import FORM, Evidence, Seen, answers_of, media_of, seal_with, signature_of
from mobile_client_stub.statements import DEFAULT, statement_in
from mobile_client_stub.store import Account, Store
from mobile_client_stub.words import Body, text_of, written


class Screen(Protocol):
    """What the customer could see on the phone that is closing the report."""

    @property
    def store(self) -> Store:
        """The database of whoever uses the phone."""
        ...

    @property
    def account(self) -> Account:
        """Who uses the phone."""
        ...

    def view(self, collection: str) -> dict[str, Body]:
        """A collection as the user sees it."""
        ...

    def records_of_visit(self, collection: str, visit_id: str) -> list[Body]:
        """All of a collection that belongs to a visit."""
        ...


@dataclass(frozen=True)
class Ending:
    """How the report ends: signed (by whom, with which file), refused or absent (why)."""

    name: str
    reason: str | None = None
    signer_name: str | None = None
    signer_role: str | None = None
    signature_media_id: str | None = None


def evidence_of(
    screen: Screen, report: Body, ending: Ending, moment: datetime, language: str | None
) -> Evidence | None:
    """The signed manifest of a report that ends now; None on a phone that never had a key."""
    account = screen.account
    if account.device_key is None:
        return None
    visit_id = text_of(report, "visit_id")
    seen = _seen(screen, report, visit_id)
    media = media_of(seen)
    progress = journal.progress(screen.store.connection)
    ahead = progress.clock_ahead
    manifest: Body = {
        "kind": "doorstep-report-manifest",
        "form": FORM,
        "report": text_of(report, "id"),
        "visit": visit_id,
        "technician": account.user_id,
        "device": account.device_id,
        "ending": ending.name,
        "reason": ending.reason,
        "statement": None,
        "signer": None,
        "signature": None,
        "media": media,
        "clock": {
            "device": written(moment),
            "last_contact": progress.last_contact,
            "ahead_milliseconds": None if ahead is None else round(ahead * 1000),
        },
        "previous": previous_manifest(screen.store.connection, account.device_id),
    }
    if ending.signature_media_id is not None:
        sentence, spoken = statement_in(language or _language_of(screen, visit_id))
        manifest["statement"] = {"text": sentence, "language": spoken}
        manifest["signer"] = {"name": ending.signer_name, "role": ending.signer_role}
        manifest["signature"] = signature_of(media, ending.signature_media_id)
    return seal_with(account.device_key, manifest, answers_of(seen))


def keep(
    connection: sqlite3.Connection, device_id: str, report_id: str, evidence: Evidence, moment: datetime
) -> None:
    """Keep what was signed, in the transaction that puts it into the journal."""
    connection.execute(
        "INSERT INTO manifests (device_id, report_id, sha256, manifest, answers, signature, made_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            device_id,
            report_id,
            evidence.sha256,
            evidence.manifest,
            evidence.answers,
            evidence.signature,
            written(moment),
        ),
    )


def previous_manifest(connection: sqlite3.Connection, device_id: str) -> str | None:
    """The hash of the manifest that this device made last."""
    row = connection.execute(
        "SELECT sha256 FROM manifests WHERE device_id = ? ORDER BY made DESC LIMIT 1", (device_id,)
    ).fetchone()
    return None if row is None else str(row["sha256"])


def _seen(screen: Screen, report: Body, visit_id: str) -> Seen:
    charges = screen.view("report_charges").values()
    return Seen(
        report=report,
        steps=screen.records_of_visit("conduct_steps", visit_id),
        usages=screen.records_of_visit("part_usages", visit_id),
        removed_parts=screen.records_of_visit("removed_parts", visit_id),
        charges=[charge for charge in charges if charge.get("report_id") == report["id"]],
        card=next(iter(screen.records_of_visit("feedback_cards", visit_id)), {}),
        media=screen.records_of_visit("media", visit_id),
    )


def _language_of(screen: Screen, visit_id: str) -> str:
    """The customer's language, as far as the phone knows it."""
    visit = screen.view("visits").get(visit_id, {})
    order = screen.view("work_orders").get(text_of(visit, "work_order_id"), {})
    customer = screen.view("customers").get(text_of(order, "customer_id"), {})
    return text_of(customer, "language") or DEFAULT
