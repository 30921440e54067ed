"""The kit catches every faulty server by the rule that it breaks, and minds no member it does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from flask import Flask
from rich.console import Console

from backend.access.actions import create_enrolment_code
from backend.access.permissions import SYSTEM
from backend.app import Wiring, create_app
from backend.seed import seed_firm
from backend.web.wiring import EXTENSION
from mobile_client_stub.conformance.bench import Login
from mobile_client_stub.conformance.kit import RULES, Finding, run_rules
from tests.conformance.faulty_servers import FAULTY_SERVERS, adds_members_nobody_knows
from tests.conformance.middle import Application, Middle
from tests.databases import Databases
from tests.settings import cheap_settings

BY_NAME = {rule.name: rule for rule in RULES}

TEN_MINUTES = timedelta(minutes=10)

Codes = Callable[[], list[str]]
Sound = tuple[Flask, Codes, Login]


@pytest.fixture(scope="module")
def sound(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sound]:
    """A sound application of a small firm, fresh codes of two technicians whenever asked, and its office."""
    with databases.fresh_url("sqlite") as url:
        app = create_app(cheap_settings(url, tmp_path_factory.mktemp("data")))
        wiring: Wiring = app.extensions[EXTENSION]
        firm = seed_firm(wiring, technicians=2, visits=2, console=Console(quiet=True))

        people = firm.technicians

        def codes() -> list[str]:
            with wiring.factory.begin() as uow:
                return [
                    create_enrolment_code(uow, SYSTEM, UUID(p.id), valid_for=TEN_MINUTES)[0] for p in people
                ]

        yield app, codes, Login(firm.office[0].email, firm.office[0].password)
        wiring.engine.dispose()


def tried(app: Application, codes: Codes, office: Login, *rules: str) -> list[Finding]:
    with httpx.Client(
        transport=httpx.WSGITransport(app=app), base_url="http://field.example", timeout=60
    ) as client:
        return list(run_rules(client, codes(), office, [BY_NAME[name] for name in rules or BY_NAME]))


def test_there_is_a_faulty_server_for_every_rule() -> None:
    assert set(FAULTY_SERVERS) == set(BY_NAME)
    assert len(BY_NAME) == len(RULES)


@pytest.mark.parametrize("rule", FAULTY_SERVERS)
def test_a_server_that_breaks_a_rule_is_caught_by_it(rule: str, sound: Sound) -> None:
    app, codes, office = sound
    faulty = FAULTY_SERVERS[rule]
    (finding,) = tried(Middle(app, faulty.asked, faulty.answered), codes, office, rule)
    assert finding.verdict == "fail", finding.came
    assert faulty.caught in finding.came


def test_a_sound_server_that_says_more_than_the_protocol_breaks_no_rule(sound: Sound) -> None:
    app, codes, office = sound
    findings = tried(Middle(app, answered=adds_members_nobody_knows), codes, office)
    assert [str(finding) for finding in findings if finding.verdict != "pass"] == []


def test_a_rule_that_cannot_be_tried_says_what_it_lacked(sound: Sound) -> None:
    app, codes, office = sound
    one_code = lambda: codes()[:1]  # noqa: E731 - the same shape as `codes`
    (finding,) = tried(app, one_code, office, "a-journal-belongs-to-one-person")
    assert (finding.verdict, finding.came[:27]) == ("skip", "only one enrolment code was")
