"""The `doorstep` commands of whoever runs a server: the first administrator, dead mail, and the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from backend.app import create_app, database_of, wire
from backend.cli import main
from backend.db.outbox_message import OutboxMessage, OutboxState
from backend.db.unit_of_work import UnitOfWorkFactory
from tests.api import Api
from tests.clock import SettableClock
from tests.databases import Database, Databases
from tests.settings import cheap_settings

Doorstep = Callable[..., Result]


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """SQLite: the commands are the same on both."""
    with databases.fresh("sqlite", SettableClock()) as database:
        yield database


@pytest.fixture
def doorstep(database: Database, tmp_path: Path) -> Doorstep:
    """Runs a command on a fresh database."""
    where = {"DOORSTEP_DATABASE": database.url, "DOORSTEP_DATA": str(tmp_path)}
    return lambda *words: CliRunner().invoke(main, words, env=where)


def dead_letter(factory: UnitOfWorkFactory, key: str) -> OutboxMessage:
    with factory.begin() as uow:
        uow.post("mail", {"to": "ada@example.org", "subject": "x", "text": "x"}, key=key)
        message = uow.session.query(OutboxMessage).filter_by(key=key).one()
        message.state, message.attempts, message.last_error = OutboxState.DEAD, 9, "no answer"
        return message


def test_a_new_firm_begins_with_an_administrator_and_nothing_invented(
    doorstep: Doorstep, database: Database, tmp_path: Path
) -> None:
    made = doorstep("create-administrator", "Boss@Firm.example", "Ada Boss")
    assert made.exit_code == 0, made.output
    email, password = made.stdout.split()
    settings = cheap_settings(database.url, tmp_path)
    api = Api(create_app(settings, engine=database.engine, clock=database.clock))
    token = api.anonymous.post("/sessions", {"email": email, "password": password}).json["access_token"]
    me = api.anonymous.get("/me", headers={"Authorization": f"Bearer {token}"}).json
    assert (me["role"], me["display_name"], me["email"]) == ("administrator", "Ada Boss", "boss@firm.example")
    parts = api.anonymous.get("/parts", headers={"Authorization": f"Bearer {token}"}).json
    assert parts["items"] == []
    again = doorstep("create-administrator", "boss@firm.example", "Somebody Else")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "belongs to somebody already" in again.stderr


@pytest.mark.parametrize(("email", "name"), [("no address", "Ada"), ("ada@example.org", " ")])
def test_an_administrator_has_a_name_and_an_address(doorstep: Doorstep, email: str, name: str) -> None:
    refused = doorstep("create-administrator", email, name)
    assert refused.exit_code == 2
    assert "Must" in refused.stderr


def test_dead_mail_is_listed_with_its_reason_and_sent_again_when_asked(
    doorstep: Doorstep, database: Database
) -> None:
    one, other = (dead_letter(database.factory, key) for key in ("one", "other"))
    listed = doorstep("outbox")
    assert listed.exit_code == 0, listed.output
    assert f"{one.id}  dead  mail   tries 9  one  no answer" in listed.stdout
    assert doorstep("outbox", "retry", str(one.id)).stdout == "outbox: 1 to be sent again\n"
    assert [line.split()[1] for line in doorstep("outbox", "list").stdout.splitlines()] == ["dead", "due"]
    assert doorstep("outbox", "retry", "--all").exit_code == 0
    with database.factory.begin(write=False) as uow:
        revived = uow.session.get_one(OutboxMessage, other.id)
        assert (revived.state, revived.attempts) == (OutboxState.DUE, 0)


def test_what_is_not_dead_is_not_sent_again(doorstep: Doorstep) -> None:
    unknown = doorstep("outbox", "retry", str(uuid4()))
    assert unknown.exit_code == 2
    assert "given up" in unknown.stderr
    assert doorstep("outbox", "retry").exit_code == 2
    assert doorstep("outbox", "retry", str(uuid4()), "--all").exit_code == 2


def test_the_doctor_finds_a_sound_server_well_and_says_what_to_do_about_another(
    doorstep: Doorstep, tmp_path: Path
) -> None:
    keyless = doorstep("doctor")
    assert keyless.exit_code == 1
    assert "doorstep seal-key create" in keyless.output
    assert doorstep("seal-key", "create").exit_code == 0
    well = doorstep("doctor")
    assert well.exit_code == 0, well.output
    nowhere = tmp_path / "a file"
    nowhere.touch()
    ill = doorstep("doctor", "--data", str(nowhere), "--database", f"sqlite:///{nowhere / 'x.sqlite'}")
    assert ill.exit_code == 1, ill.output
    assert "!!" in ill.stdout


def test_housekeeping_is_done_by_hand_and_beside_an_open_wiring(
    doorstep: Doorstep, database: Database, tmp_path: Path
) -> None:
    wiring = wire(database_of(cheap_settings(database.url, tmp_path)), cheap_settings(database.url, tmp_path))
    done = doorstep("housekeeping")
    wiring.engine.dispose()
    assert (done.exit_code, done.stdout) == (0, "housekeeping: done\n")
