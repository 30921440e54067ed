"""`doorstep conformance` against `doorstep serve`, on both engines."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from backend.cli import main
from mobile_client_stub.conformance.kit import RULES
from tests.databases import Databases
from tests.journeys.server import ServerProcess
from tests.journeys.warm import Warm


def doorstep(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_our_server_keeps_every_rule(
    databases: Databases, engine_name: str, warm: Warm, tmp_path: Path
) -> None:
    with databases.fresh_url(engine_name) as url:
        server = ServerProcess(url, tmp_path, {"DOORSTEP_ALLOW_UNSAFE_DATABASE": "1"}, warm=warm)
        firm = tmp_path / "firm.json"
        few = ("--technicians", "2", "--visits-per-technician", "2", "--json")
        firm.write_text(server.run("seed", *few).stdout)
        with server:
            ran = doorstep("conformance", server.url, "--firm", str(firm), "--json")
    report = json.loads(ran.stdout)
    assert [found for found in report["rules"] if found["verdict"] != "pass"] == []
    assert (ran.exit_code, report["conforms"], report["passed"]) == (0, True, len(RULES))


def test_an_address_where_nobody_answers_fails_every_rule_and_the_command() -> None:
    ran = doorstep("conformance", "http://127.0.0.1:9", "--code", "AAAA-BBBB")
    assert ran.exit_code == 1
    assert ran.stdout.splitlines()[-1].startswith("conformance: 0 passed")
    assert "no answer (ConnectError" in ran.stdout


def test_a_firm_that_is_none_is_refused(tmp_path: Path) -> None:
    firm = tmp_path / "firm.json"
    firm.write_text("[]")
    ran = doorstep("conformance", "http://127.0.0.1:9", "--firm", str(firm))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "there are no technicians in it" in ran.stderr
