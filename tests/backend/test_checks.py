"""The oracle sees what it is there to see: each kind of damage, done by hand, is named."""

import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from flask import Flask
from sqlalchemy import Connection, func, insert, select, update

from backend.access.models import AuditEntry
from backend.app import EXTENSION
from backend.checks import Checked, JournalLine, check_everything
from backend.visits.models import WorkOrder
from mobile_client_stub import journal
from mobile_client_stub.phone import Phone
from schemas.visits import WorkOrderStatus
from sync.feed import hash_of, signed
from sync.models import CHANGES, FEED_ROWS, FEEDS, MUTATIONS
from tests.api import Api
from tests.clock import SettableClock
from tests.databases import Database
from tests.given import reports as given

JPEG = b"\xff\xd8\xff\xe0" + b"\x07" * 5000


@pytest.fixture
def phone(app: Flask, api: Api, database: Database, clock: SettableClock, tmp_path: Path) -> Iterator[Phone]:
    """A phone that has sent a note and a photo."""
    with database.factory.begin() as uow:
        work = given.a_visit_under_way(uow)
    transport = httpx.WSGITransport(app=app)
    with Phone(tmp_path / "phone", transport=transport, clock=clock, dice=random.Random(1)) as phone:
        code = api.as_("dispatcher").post("/devices/enrolment-codes", {"user_id": str(work.technician.id)})
        phone.enrol("http://field.example", code.json["code"])
        phone.sync()
        phone.note(str(work.visit_id), "The pump is worn.")
        phone.photo(str(work.visit_id), JPEG, "before")
        phone.sync()
        yield phone


@pytest.fixture
def damage(database: Database) -> Iterator[Connection]:
    """Where hands without rules reach into the database."""
    with database.engine.connect() as connection:
        yield connection


def checked(app: Flask, phone: Phone) -> Checked:
    sent = [
        JournalLine(UUID(mutation.mutation_id), mutation.message(), mutation.outcome)
        for mutation in journal.everything(phone.store.connection)
    ]
    return check_everything(app.extensions[EXTENSION], sent=sent)


def faults(app: Flask, phone: Phone) -> str:
    found = checked(app, phone)
    assert not found.sound
    return "\n".join(found.faults)


def test_what_is_sound_is_called_sound(app: Flask, phone: Phone) -> None:
    found = checked(app, phone)
    assert found.faults == []
    assert found.journals == {"mutations": 2, "waiting": 0, "lost": 0, "doubled": 0}
    assert found.figures["files stored"] == 1


def test_a_mutation_that_is_gone_is_lost(app: Flask, phone: Phone, damage: Connection) -> None:
    damage.execute(MUTATIONS.delete().where(MUTATIONS.c.type == "visit_note.add"))
    damage.commit()
    assert "was acknowledged and is not stored as it was sent" in faults(app, phone)
    assert checked(app, phone).journals["lost"] == 1


def test_a_mutation_stored_with_other_content_is_lost(app: Flask, phone: Phone, damage: Connection) -> None:
    content = func.replace(MUTATIONS.c.content, "worn", "torn")
    damage.execute(update(MUTATIONS).values(content=content))
    damage.commit()
    assert "is not stored as it was sent" in faults(app, phone)


def test_an_effect_that_is_there_twice_is_doubled_though_another_is_missing(
    app: Flask, phone: Phone, damage: Connection
) -> None:
    rows = damage.execute(select(AuditEntry.__table__).where(AuditEntry.device_id.is_not(None))).mappings()
    twice = next(row for row in rows if row["action"] == "visit_note.add")
    damage.execute(insert(AuditEntry.__table__).values({**twice, "id": uuid4()}))
    again = {**_first_mutation(damage), "mutation_id": uuid4(), "record_id": uuid4(), "number": 900}
    damage.execute(insert(MUTATIONS).values(again))
    damage.commit()
    found = checked(app, phone)
    assert (found.journals["doubled"], found.journals["lost"]) == (1, 1)
    assert "no phone made it" in "\n".join(found.faults)


def _first_mutation(damage: Connection) -> dict[str, object]:
    statement = select(MUTATIONS).where(MUTATIONS.c.type == "visit_note.add")
    return dict(damage.execute(statement).mappings().one())


def test_a_file_that_is_gone_is_missed(app: Flask, phone: Phone) -> None:
    (stored,) = (path for path in _objects(app) if path.is_file() and path.stat().st_size == len(JPEG))
    stored.unlink()
    assert "there is no such object" in faults(app, phone)


def _objects(app: Flask) -> Iterator[Path]:
    return app.extensions[EXTENSION].settings.data_dir.rglob("*")


def test_a_record_that_fell_out_of_a_feed_is_missed(app: Flask, phone: Phone, damage: Connection) -> None:
    damage.execute(FEED_ROWS.delete().where(FEED_ROWS.c.collection == "visits"))
    damage.commit()
    found = faults(app, phone)
    assert "is not its scope" in found
    assert "the digest is not the sum of the hashes" in found


def test_a_body_that_was_altered_is_noticed(app: Flask, phone: Phone, damage: Connection) -> None:
    altered = func.replace(FEED_ROWS.c.body, "dispatched", "completed_")
    damage.execute(update(FEED_ROWS).where(FEED_ROWS.c.collection == "visits").values(body=altered))
    damage.commit()
    found = faults(app, phone)
    assert "has another hash than its body" in found
    assert "has an old body" in found


def test_bodies_of_an_older_release_are_rewritten_and_then_judged(
    app: Flask, phone: Phone, damage: Connection
) -> None:
    row = damage.execute(select(FEED_ROWS).where(FEED_ROWS.c.collection == "visits")).one()
    body = row.body.replace("dispatched", "as_it_was_called")
    older = {"body": body, "hash": signed(hash_of("visits", row.record_id, body))}
    damage.execute(update(FEED_ROWS).where(FEED_ROWS.c.record_id == row.record_id).values(**older))
    there = FEEDS.c.audience == row.audience
    digest = damage.execute(select(FEEDS.c.digest).where(there)).scalar_one() - row.hash + older["hash"]
    damage.execute(update(FEEDS).where(there).values(shape="visits:0", digest=signed(digest)))
    damage.commit()
    assert checked(app, phone).faults == []


def test_a_change_behind_the_hooks_back_is_noticed(app: Flask, phone: Phone, damage: Connection) -> None:
    damage.execute(update(WorkOrder.__table__).values(status=WorkOrderStatus.CANCELLED))
    damage.commit()
    found = faults(app, phone)
    assert "has an old body" in found
    assert str(damage.execute(select(WorkOrder.id)).scalars().first()) in found


def test_a_head_that_fell_behind_is_noticed(app: Flask, phone: Phone, damage: Connection) -> None:
    damage.execute(update(FEEDS).values(head=0))
    assert damage.execute(select(func.count()).select_from(CHANGES)).scalar_one() == 0
    damage.commit()
    assert "a position is after the head" in faults(app, phone)
