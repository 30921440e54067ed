"""What the data of a sealed report say is what the phone signed: before the seal, and of every file."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.parts.actions import record_part_usage
from backend.reports.seal.press import Press
from backend.reports.seal.signed import signed_faults
from backend.reports.seal.verifying import trust_of, verify
from mobile_client_stub.phone import Phone
from schemas.parts import UsageDirection
from tests.api import Api
from tests.clock import SettableClock
from tests.evidence.documents import job_of
from tests.evidence.issuing import House, a_folder
from tests.evidence.test_issuing import signed_and_sent
from tests.given import reports

ANOTHER_END = "The phone signed another ending, signer or statement."
Change = Callable[[dict[str, Any]], object]


def _of(name: str, /, **over: Any) -> Change:
    """Changes members of a part of the report, or of the first line of a list."""
    return lambda report: _first(report[name]).update(over)


def _gone(name: str) -> Change:
    return lambda report: report[name].clear()


def _swapped(name: str, member: str) -> Change:
    def swap(report: dict[str, Any]) -> None:
        one, other = report[name]
        one[member], other[member] = other[member], one[member]

    return swap


def _first(part: Any) -> dict[str, Any]:
    return part if isinstance(part, Mapping) else part[0]  # type: ignore[return-value]


CHANGES: list[tuple[Change, str]] = [
    (lambda report: report.update(findings="Nothing."), "The phone signed other words."),
    (_of("charges", unit_minor=1), "The phone signed other charges."),
    (_of("charges", description="Call-out"), "The phone signed other charges."),
    (_gone("charges"), "The phone signed other charges."),
    (_of("charges", approved=False), "The approval of the charges is not what was signed."),
    (_of("removed", disposition="keep"), "The phone signed other removed parts."),
    (_of("removed", consented_by="Nobody"), "The phone signed other removed parts."),
    (_of("parts", quantity=1), "The phone signed other used parts."),
    (_of("parts", part_id="another"), "The phone signed other used parts."),
    (_gone("parts"), "The phone signed other used parts."),
    (_of("conduct", answer="yes"), "The phone signed other answers."),
    (_of("conduct", note=None), "The phone signed other answers."),
    (_swapped("conduct", "id"), "The phone signed other answers."),
    (_of("card", quality=1), "The phone signed another card."),
    (_of("card", declined=True), "The phone signed another card."),
    (_of("media", sha256="0" * 64), "The phone signed other files."),
    (_of("media", kind="before"), "The phone signed other files."),
    (_of("answer", ending="refused"), ANOTHER_END),
    (_of("answer", reason="In a hurry."), ANOTHER_END),
    (_of("answer", name="Somebody Else"), ANOTHER_END),
    (_of("answer", role="occupant"), ANOTHER_END),
    (_of("answer", statement="I pay."), ANOTHER_END),
    (_of("answer", language="sv"), ANOTHER_END),
    (_of("answer", signature=None), ANOTHER_END),
]


def _signed(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    job = job_of(1, random.Random(1), folder)
    return job["content"], {name: said.encode() for name, said in job["attached"].items()}


@pytest.mark.parametrize(("change", "fault"), CHANGES)
def test_what_the_customer_was_not_shown_is_named(tmp_path: Path, change: Change, fault: str) -> None:
    content, attached = _signed(tmp_path)
    assert signed_faults(content, attached) == []
    change(content["report"])
    assert signed_faults(content, attached) == [fault]


def test_the_order_of_a_list_is_nobodys_word(tmp_path: Path) -> None:
    content, attached = _signed(tmp_path)
    content["report"]["conduct"].reverse()
    assert signed_faults(content, attached) == []


def test_a_report_of_the_first_form_has_no_ids_and_is_still_held_against_what_was_signed(
    tmp_path: Path,
) -> None:
    content, attached = _signed(tmp_path)
    content["form"] = "doorstep-sealed/1"
    for name in ("conduct", "parts", "removed", "charges"):
        for line in content["report"][name]:
            for member in ("id", "part_id", "waiver"):
                line.pop(member, None)
    assert signed_faults(content, attached) == []
    parts = content["report"]["parts"]
    later = {**parts[0], "quantity": 7}  # used before the seal, and told of after the signature
    content["report"]["parts"] = [*parts, later]
    assert signed_faults(content, attached) == []
    content["report"]["parts"] = [*parts[1:], later]
    assert signed_faults(content, attached) == ["The phone signed other used parts."]
    content["report"]["parts"] = parts
    content["report"]["charges"][0]["quantity"] = 3
    assert signed_faults(content, attached) == ["The phone signed other charges."]


def test_a_file_that_the_company_sealed_with_another_charge_is_not_genuine(tmp_path: Path) -> None:
    company = a_folder(tmp_path / "company")
    job = job_of(1, random.Random(1), tmp_path)
    job["content"]["report"]["charges"][0]["unit_minor"] += 1
    assert "error" not in Press(company, None).do(job)
    verdict = verify(Path(job["out"]).read_bytes(), trust_of(company))
    assert verdict.faults == ["The phone signed other charges."]


def test_a_report_that_was_changed_after_the_signature_is_not_sealed_until_it_is_put_right(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    _in_the_data_base(api, "UPDATE report_charges SET unit_minor = unit_minor + 1")
    house.issue()
    office = api.as_("dispatcher")
    seal = office.get(f"/service-reports/{work.report_id}/seal").json
    (waiting,) = seal["waiting_for"]
    assert seal["documents"] == []
    assert "is not what was signed. The phone signed other charges." in waiting
    assert "doorstep outbox retry" in waiting
    clock.advance(minutes=2)
    assert house.issue() == 0, "nobody tries again and again"
    _in_the_data_base(api, "UPDATE report_charges SET unit_minor = unit_minor - 1")
    with api.factory.begin() as uow:
        uow.hasten("seal", key=str(work.report_id))
    house.issue()
    issued = office.get(f"/service-reports/{work.report_id}/document").data
    assert verify(issued, house.trust()).genuine
    assert len(house.mails) == 1


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_was_put_on_record_after_the_signature_is_no_part_of_the_report(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    (used,) = phone.view("part_usages").values()
    late = {"visit_id": work.visit_id, "part_id": UUID(used["part_id"]), "direction": UsageDirection.USED}
    with api.factory.begin() as uow:
        record_part_usage(uow, work.actor, **late, quantity=7)
    house.issue()
    issued = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/document").data
    verdict = verify(issued, house.trust())
    assert verdict.genuine, verdict.faults
    assert verdict.content is not None
    assert [part["id"] for part in verdict.content["report"]["parts"]] == [used["id"]]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_manifest_that_was_replaced_in_the_data_base_is_no_endless_trouble(
    phone: Phone, work: reports.Work, api: Api, clock: SettableClock, house: House
) -> None:
    signed_and_sent(phone, work, clock)
    with api.factory.engine.begin() as connection:
        for (name,) in connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'device_manifests'")
        ).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        answers = json.dumps({"findings": "other"})
        connection.execute(text("UPDATE device_manifests SET answers = :answers"), {"answers": answers})
    house.issue()
    (waiting,) = api.as_("dispatcher").get(f"/service-reports/{work.report_id}/seal").json["waiting_for"]
    assert "What the phone signed cannot be read" in waiting


def _in_the_data_base(api: Api, statement: str) -> None:
    """As somebody does who needs no permission of ours."""
    with api.factory.engine.begin() as connection:
        connection.execute(text(statement))
