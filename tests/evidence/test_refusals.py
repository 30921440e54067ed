"""Evidence that does not fit is refused with all reasons, and nothing of it is lost."""

from __future__ import annotations

import json

import pytest

from backend.reports import actions
from mobile_client_stub.device_key import new_key
from mobile_client_stub.manifest import canonical, seal_with
from mobile_client_stub.phone import Phone
from tests.api import Api
from tests.clock import SettableClock
from tests.given import reports
from tests.given.phones import live_through


def test_a_phone_that_signs_nothing_is_refused(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock
) -> None:
    with phone.store.transaction() as connection:
        connection.execute("UPDATE account SET device_key = NULL")
    live_through(phone, str(work.visit_id), clock)
    outcomes = phone.sync().exchanged.outcomes
    assert outcomes["refused"] == 1
    (entry,) = (entry for entry in phone.inbox() if entry["type"] == "service_report.sign")
    assert entry["code"] == "evidence-missing"
    assert api.as_("dispatcher").get(f"/service-reports/{work.report_id}").json["status"] == "frozen"


def test_what_the_office_changed_meanwhile_was_not_what_the_customer_saw(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock
) -> None:
    live_through(phone, str(work.visit_id), clock)
    with api.factory.begin() as uow:
        actions.add_report_charge(
            uow,
            work.actor,
            report_id=work.report_id,
            description="Call-out",
            quantity=1,
            unit_minor=4900,
            currency="EUR",
        )
    phone.sync()
    (entry,) = (entry for entry in phone.inbox() if entry["type"] == "service_report.sign")
    assert entry["code"] == "evidence-refused"
    assert "answers.charges" in str(entry["detail"])


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("member", "value", "fault"),
    [
        ("report", "01a202b4-6e00-70cf-8b6b-225cdb76a230", "manifest.report"),
        ("technician", "01a202b4-6e00-70cf-8b6b-225cdb76a231", "manifest.technician"),
        ("media", [], "signature.medium"),
        ("ending", "refused", "ending"),
    ],
)
def test_a_manifest_about_something_else_is_refused_though_the_phone_signed_it(
    phone: Phone,
    work: reports.Work,
    api: Api,
    clock: SettableClock,
    member: str,
    value: object,
    fault: str,
) -> None:
    live_through(phone, str(work.visit_id), clock)
    _forge(phone, {member: value}, str(phone.account.device_key))
    phone.sync()
    (entry,) = (entry for entry in phone.inbox() if entry["type"] == "service_report.sign")
    assert entry["code"] == "evidence-refused"
    assert fault in str(entry["detail"])


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_manifest_by_another_key_is_refused(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock
) -> None:
    live_through(phone, str(work.visit_id), clock)
    _forge(phone, {}, new_key())
    phone.sync()
    (entry,) = (entry for entry in phone.inbox() if entry["type"] == "service_report.sign")
    assert "never this phone's" in str(entry["detail"])


def _forge(phone: Phone, changes: dict[str, object], key: str) -> None:
    """Rewrite what the phone is about to send, as somebody who holds the phone and its data base could."""
    connection = phone.store.connection
    row = connection.execute("SELECT * FROM mutations WHERE type = 'service_report.sign'").fetchone()
    fields = json.loads(row["fields"])
    manifest = json.loads(fields["evidence"]["manifest"]) | changes
    signed = seal_with(key, manifest, fields["evidence"]["answers"])
    assert canonical(json.loads(signed.manifest)) == signed.manifest
    connection.execute("DROP TRIGGER a_mutation_is_never_altered")
    with phone.store.transaction() as writing:
        writing.execute(
            "UPDATE mutations SET fields = ? WHERE mutation_id = ?",
            (json.dumps(fields | {"evidence": signed.as_body()}), row["mutation_id"]),
        )
