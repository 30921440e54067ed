"""A toy business for the engine: jobs of technicians, their orders and places, job lines, and a catalogue
for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

from marshmallow import ValidationError
from sqlalchemy import BigInteger, Engine, ForeignKey, MetaData, Text, Uuid
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from backend.db.faults import is_connection_trouble, is_transient
from backend.db.look import Look
from backend.db.snapshot import Snapshot
from backend.db.straight import Straight
from backend.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from schemas.base import Count, Id, Instant, RecordShape, Shape
from schemas.base import Text as TextField
from schemas.errors import DomainError, ErrorKind, RecordNotFound
from sync.collections import EVERYONE, Collection, Edge, Kind, Root
from sync.engine import SyncEngine
from sync.hook import install_hook
from sync.host import EVERYBODY, Audience, Caller
from sync.inbox import inbox_collection, note_for_inbox
from sync.models import METADATA as SYNC_METADATA
from sync.models import UtcInstant
from sync.mutations import MutationType

TECHNICIAN = "technician"
Begin = Callable[..., AbstractContextManager[object]]
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


class ToyBase(DeclarativeBase):
    """Base of the toy tables."""

    metadata = MetaData()
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        datetime: UtcInstant(),
        UUID: Uuid(),
    }


class Record(ToyBase):
    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012 - SQLAlchemy reads a class attribute


class Place(Record):
    __tablename__ = "toy_places"
    name: Mapped[str]


class Order(Record):
    __tablename__ = "toy_orders"
    place_id: Mapped[UUID] = mapped_column(ForeignKey("toy_places.id"), index=True)
    title: Mapped[str]


class Job(Record):
    __tablename__ = "toy_jobs"
    order_id: Mapped[UUID] = mapped_column(ForeignKey("toy_orders.id"), index=True)
    technician_id: Mapped[UUID | None] = mapped_column(index=True)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default="planned")
    findings: Mapped[str] = mapped_column(default="")
    remark: Mapped[str] = mapped_column(default="")
    price: Mapped[int] = mapped_column(default=0)


class JobLine(Record):
    __tablename__ = "toy_job_lines"
    job_id: Mapped[UUID] = mapped_column(ForeignKey("toy_jobs.id"), index=True)
    text: Mapped[str]


class Article(Record):
    __tablename__ = "toy_articles"
    name: Mapped[str]
    archived: Mapped[int] = mapped_column(default=0)


class PlaceBody(RecordShape):
    name = TextField(max=200)


class OrderBody(RecordShape):
    place_id = Id()
    title = TextField(max=200)


class JobBody(RecordShape):
    order_id = Id()
    technician_id = Id(allow_none=True)
    starts_at = Instant(allow_none=True)
    ends_at = Instant(allow_none=True)
    state = TextField(max=200)
    findings = TextField(max=2000)
    remark = TextField(max=2000)
    price = Count()


class JobLineBody(RecordShape):
    job_id = Id()
    text = TextField(max=200)


class ArticleBody(RecordShape):
    name = TextField(max=200)


JOB_KINDS = {"state": Kind.STATUS, "findings": Kind.ANSWER, "remark": Kind.ANSWER, "price": Kind.PROMISE}


def collections(keeps: str = "server", shape_version: int = 1) -> list[Collection]:
    """The toy's collections; edges in both directions, two of them from jobs."""
    jobs = Collection(
        "jobs",
        Job,
        JobBody,
        TECHNICIAN,
        kinds=JOB_KINDS,
        roots=(Root(Job.technician_id, window=(Job.starts_at, Job.ends_at)),),
        edges=(Edge(Job.order_id, "orders", "target"),),
        shape_version=shape_version,
        conflict_keeps=keeps,  # type: ignore[arg-type]
    )
    orders = Collection(
        "orders", Order, OrderBody, TECHNICIAN, edges=(Edge(Order.place_id, "places", "target"),)
    )
    lines = Collection(
        "job_lines", JobLine, JobLineBody, TECHNICIAN, edges=(Edge(JobLine.job_id, "jobs", "owner"),)
    )
    places = Collection("places", Place, PlaceBody, TECHNICIAN)
    articles = Collection(
        "articles", Article, ArticleBody, EVERYONE, roots=(Root(None, where=Article.archived == 0),)
    )
    return [jobs, orders, lines, places, articles, inbox_collection(TECHNICIAN)]


class NotYet(DomainError):
    kind = ErrorKind.UNMET


class JobClosed(DomainError):
    kind = ErrorKind.CONFLICT


class WorkAfterRevocation(DomainError):
    kind = ErrorKind.REVOKED


class StartFields(Shape):
    pass


class LineFields(Shape):
    job_id = Id(required=True)
    text = TextField(max=200, required=True)


class EditFields(Shape):
    findings = TextField(max=2000)
    remark = TextField(max=2000)
    price = Count()


def _job(uow: UnitOfWork, job_id: UUID) -> Job:
    job = uow.session.get(Job, job_id)
    if job is None:
        raise RecordNotFound("Look again.")
    return job


def start_job(uow: UnitOfWork, actor: Any, job_id: UUID, *, occurred_at: datetime) -> Job:
    job = _job(uow, job_id)
    if job.technician_id != actor:
        raise WorkAfterRevocation("The job is somebody else's now.")
    if job.state != "planned":
        raise JobClosed("It has begun.")
    job.state = "started"
    uow.flush()
    return job


def finish_job(uow: UnitOfWork, actor: Any, job_id: UUID, *, occurred_at: datetime) -> Job:
    job = _job(uow, job_id)
    if job.state != "started":
        raise NotYet("Start it first.")
    job.state = "finished"
    uow.flush()
    return job


def add_line(
    uow: UnitOfWork, actor: Any, line_id: UUID, *, job_id: UUID, text: str, occurred_at: datetime
) -> JobLine:
    if text == "crash":
        raise RuntimeError("a mistake of ours")
    if text == "early":
        _job(uow, job_id)
    if text == "half":
        _job(uow, job_id).remark = "half done"
        uow.flush()
        raise JobClosed("No.")
    line = uow.add(JobLine(id=line_id, job_id=job_id, text=text))
    if _job(uow, job_id).technician_id != actor:
        note_for_inbox(uow, "not-yours", "The job is somebody else's.", "Look at it.")
    return line


def add_lines(uow: UnitOfWork, actor: Any, lines: Sequence[dict[str, Any]]) -> None:
    for line in lines:
        if line["text"] in ("crash", "half"):
            raise RuntimeError("each by itself")
        if _job(uow, line["job_id"]).technician_id != actor:
            note_for_inbox(uow, "not-yours", "The job is somebody else's.", "Look at it.")
    uow.add_all(JobLine(id=line["id"], job_id=line["job_id"], text=line["text"]) for line in lines)
    statements_together.append(len(lines))


statements_together: list[int] = []
"""How many lines each statement wrote; tests read and clear it."""


def edit_job(uow: UnitOfWork, actor: Any, job_id: UUID, *, occurred_at: datetime, **fields: Any) -> Job:
    job = _job(uow, job_id)
    for name, value in fields.items():
        setattr(job, name, value)
    uow.flush()
    return job


MUTATIONS = [
    MutationType("job.start", "jobs", StartFields, start_job, Kind.STATUS),
    MutationType("job.finish", "jobs", StartFields, finish_job, Kind.STATUS),
    MutationType("job_line.add", "job_lines", LineFields, add_line, Kind.FACT, together=add_lines),
    MutationType("job.edit", "jobs", EditFields, edit_job, Kind.ANSWER),
]

STATUS = {
    ErrorKind.INVALID: 422,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.GONE: 410,
}


@dataclass
class ToyHost:
    """A host on one database, with a clock that tests set and alarms that tests read."""

    factory: UnitOfWorkFactory
    alarms: list[str] = field(default_factory=list)
    gone: set[UUID] = field(default_factory=set)
    cursor_secret: bytes = b"s" * 32

    def begin(self, *, write: bool = True) -> AbstractContextManager[UnitOfWork]:
        return self.factory.begin(write=write)

    def begin_straight(self) -> AbstractContextManager[Straight]:
        return self.factory.begin_straight()

    def caller_of(self, session: Session, device_id: UUID, user_id: UUID) -> Caller | None:
        return None if user_id in self.gone else caller(user_id, device_id)

    def look(self) -> AbstractContextManager[Look]:
        return self.factory.look()

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        return self.factory.snapshot()

    def domain_error(self, error: Exception) -> DomainError | None:
        if isinstance(error, IntegrityError | ValidationError):
            return JobClosed("The database refused it.")
        return None

    def is_transient(self, error: BaseException) -> bool:
        return is_transient(error)

    def is_database_trouble(self, error: BaseException) -> bool:
        return is_connection_trouble(error)

    def status_of(self, error: DomainError) -> int:
        return STATUS.get(error.kind, 409)

    def alarm(self, code: str, detail: str) -> None:
        self.alarms.append(code)


@dataclass
class Clock:
    """The time that units of work see."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


@dataclass
class Toy:
    """One database with the toy business and an engine on it."""

    engine: Engine
    clock: Clock
    host: ToyHost
    sync: SyncEngine

    @contextmanager
    def write(self, actor: UUID | None = None) -> Iterator[UnitOfWork]:
        with self.host.begin() as uow:
            uow.session.info["actor_id"] = actor
            yield uow

    def caller(self, technician: UUID, device: UUID | None = None, **over: Any) -> Caller:
        return caller(technician, device or uuid4(), **over)


def caller(technician: UUID, device: UUID, **over: Any) -> Caller:
    """A technician on a device; the toy's use cases take his id for the actor."""
    given: dict[str, Any] = {
        "device_id": device,
        "user_id": technician,
        "actor": technician,
        "audiences": (Audience(TECHNICIAN, technician), EVERYBODY),
        "time_zone": "Europe/Berlin",
    }
    return Caller(**{**given, **over})


def make_toy(engine: Engine, *, create: bool = True, declared: list[Collection] | None = None) -> Toy:
    """The toy on an empty database."""
    if create:
        ToyBase.metadata.create_all(engine)
        SYNC_METADATA.create_all(engine)
    clock = Clock()
    factory = UnitOfWorkFactory(engine, clock)
    host = ToyHost(factory)
    sync = SyncEngine(host, declared or collections(), MUTATIONS)
    install_hook(factory.session_factory, sync.collections)
    return Toy(engine, clock, host, sync)


def empty(toy: Toy) -> None:
    """Delete everything, faster than making tables anew."""
    with toy.engine.begin() as connection:
        for table in [*reversed(ToyBase.metadata.sorted_tables), *reversed(SYNC_METADATA.sorted_tables)]:
            connection.execute(table.delete())
    toy.clock.now = START
    toy.host.alarms.clear()
    toy.host.gone.clear()


@contextmanager
def beginning(toy: Toy, other: Callable[[Begin], Begin]) -> Iterator[None]:
    """Transactions of either kind begin in another way."""
    toy.host.begin = other(toy.host.begin)  # type: ignore[method-assign]
    toy.host.begin_straight = other(toy.host.begin_straight)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del toy.host.begin, toy.host.begin_straight
