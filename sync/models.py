"""The engine's own tables: feeds, changes, marks, journals, outcomes, and the field inbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Alembic takes it beside the host's own."""

NOTABLE_SKEW = timedelta(minutes=2)
"""A device's clock that is further from ours than this deserves a look."""

# SQLite counts by itself only in a column whose type is exactly INTEGER.
_Counter = BigInteger().with_variant(Integer(), "sqlite")


class UtcInstant(TypeDecorator[datetime]):
    """An aware UTC datetime; on SQLite text of one width, so that it sorts as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What comes out of it; a host that pages by such a column asks."""
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        chosen: TypeEngine[Any] = String(27) if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(chosen)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        utc = value.astimezone(UTC)
        return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | str | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


STATE = Table(
    "sync_state",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("epoch", Uuid, nullable=False),
    Column("began_at", UtcInstant, nullable=False),
    # What PostgreSQL says of itself; another answer means that this is a restored copy.
    Column("server_identity", Text),
)

CHANGES = Table(
    "sync_changes",
    METADATA,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    Column("collection", Text, nullable=False),
    Column("record_id", Uuid, nullable=False),
)
"""Record X of collection C changed: left by the writer, deleted by expand."""

MARKS = Table(
    "sync_marks",
    METADATA,
    Column("id", _Counter, primary_key=True, autoincrement=True),
    # Not unique on purpose: a unique key would make an expand wait for a refresh, and "there is one already"
    # cannot be known while a refresh may be deleting it.
    Column("audience", Text, nullable=False, index=True),
)
"""Audience A must be refreshed."""

FIELD_REVISIONS = Table(
    "sync_field_revisions",
    METADATA,
    Column("collection", Text, primary_key=True),
    Column("record_id", Uuid, primary_key=True),
    Column("field", Text, primary_key=True, comment="empty: the creation of the record"),
    Column("revision", BigInteger, nullable=False),
    Column("actor_id", Uuid),
)
"""The revision in which each field changed last, and who changed it."""

FEEDS = Table(
    "sync_feeds",
    METADATA,
    Column("audience", Text, primary_key=True),
    Column("head", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("digest", BigInteger, nullable=False, comment="sum mod 2^64 of the hashes, read as signed"),
    Column("local_day", Date, comment="the last day the window was worked out for; never goes back"),
    Column("time_zone", Text, nullable=False),
    Column("shape", Text, nullable=False, comment="the shape versions of the stored bodies"),
)

FEED_ROWS = Table(
    "sync_feed_rows",
    METADATA,
    Column("audience", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("record_id", Uuid, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("hash", BigInteger, nullable=False, comment="64 bits of the body, read as signed"),
    # The wire text of the change up to its body, so that a page is glued together inside the database.
    Column("envelope", Text, nullable=False),
    Column("body", Text, nullable=False, comment="a removal keeps the last one"),
    Column("removed_at", UtcInstant),
    Column("published", Text, nullable=False, comment="[[revision, position], ...], the newest last"),
    Index("uq_sync_feed_rows_audience_position", "audience", "position", unique=True),
    Index("ix_sync_feed_rows_record_id_collection", "record_id", "collection"),
)

FLOORS = Table(
    "sync_floors",
    METADATA,
    Column("audience", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""Removals of the collection up to this position are forgotten: a cursor below it cannot be continued."""

JOURNALS = Table(
    "sync_journals",
    METADATA,
    Column("journal", Uuid, primary_key=True),
    Column("device_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("expected_number", BigInteger, nullable=False),
    Column("acknowledged", BigInteger, nullable=False),
    Column("held", Integer, nullable=False, comment="mutations that wait for a condition"),
    Column("retry_at", UtcInstant, comment="when the first of them is to be tried again, if ever"),
    Column("skew_seconds", Float, comment="device clock minus ours, at the last push"),
    Column("pushed_at", UtcInstant, nullable=False),
    Column("wiped_at", UtcInstant, comment="when the device was first told to wipe with its journal in"),
    Column("doubted_through", BigInteger, comment="bases up to this number are believed to be nobody's"),
)

ENTRIES = Table(
    "sync_entries",
    METADATA,
    Column("journal", Uuid, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("mutation_id", Uuid, nullable=False, index=True),
)
"""Which mutation stands at which place of a journal; one mutation may stand in several journals."""

MUTATIONS = Table(
    "sync_mutations",
    METADATA,
    Column("mutation_id", Uuid, primary_key=True),
    Column("journal", Uuid, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("device_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("record_id", Uuid),
    Column("content", Text, nullable=False, comment="the mutation as it arrived"),
    Column("content_hash", String(32), nullable=False),
    Column("occurred_at", UtcInstant),
    Column("time_zone", Text, nullable=False),
    Column("skew_seconds", Float),
    Column("received_at", UtcInstant, nullable=False, index=True),
    Column("outcome", String(16), nullable=False),
    Column("problem", Text),
    Column("fields", Text, comment="names of the fields that do not stand as the device sent them"),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", UtcInstant),
    Column("subject_id", Uuid, comment="of a held one: what it is about"),
)
Index(
    "ix_sync_mutations_held",
    MUTATIONS.c.journal,
    MUTATIONS.c.number,
    postgresql_where=MUTATIONS.c.outcome == "held",
    sqlite_where=MUTATIONS.c.outcome == "held",
)

CHECKPOINTS = Table(
    "sync_checkpoints",
    METADATA,
    Column("device_id", Uuid, primary_key=True),
    Column("number", BigInteger, primary_key=True, comment="the integer the device was given"),
    Column("epoch", Uuid, nullable=False),
    Column("made_at", UtcInstant, nullable=False, index=True),
    Column("previous", BigInteger, comment="the checkpoint that this one was pulled from"),
    Column("positions", Text, nullable=False, comment="{feed: position} that the device holds"),
    Column("removals", Text, nullable=False, comment="{feed: position} up to which removals were sent"),
    # What the device held when its user made the edits that come with this number.
    Column("base", Text, comment="{feed: position}; null: nobody knows"),
    Column("unsent", Boolean, comment="whether the device said that it held unsent edits when it pulled"),
    Column("pushed", String(8), comment="a push that named this number has begun, or is done"),
    Column("replaces", Boolean, nullable=False, comment="the next pull sends everything anew"),
)
"""Where a store that keeps one integer for a cursor is, per feed."""

CORRECTIONS = Table(
    "sync_corrections",
    METADATA,
    Column("device_id", Uuid, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("record_id", Text, primary_key=True, comment="as the device wrote it: not always a UUID"),
    Column("sent_in", BigInteger, comment="the checkpoint that carried it; null: none yet"),
)
"""Records that a pull sends again whatever their position: the device pushed them, and may be wrong."""

PUSHED_ROWS = Table(
    "sync_pushed_rows",
    METADATA,
    Column("device_id", Uuid, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("record_id", Text, primary_key=True),
    Column("pushed_at", UtcInstant, nullable=False, index=True),
    Column("number", BigInteger, nullable=False, comment="the checkpoint it came with; 0 without any"),
    Column("base", Text, comment="the base it was judged by"),
    Column("content", Text, nullable=False, comment="what was pushed, to know it when it comes again"),
)
"""The last push of a row that was taken from a device: its reply may have been lost."""


class SyncBase(DeclarativeBase):
    """Base of the engine's mapped tables."""

    metadata = METADATA
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: BigInteger(),
        datetime: UtcInstant(),
        float: Float(),
        UUID: Uuid(),
    }


class FieldInboxEntry(SyncBase):
    """A mutation, or part of one, that did not simply apply: nothing typed is thrown away."""

    __tablename__ = "sync_field_inbox"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(index=True)
    """When the server received it."""
    owner_id: Mapped[UUID] = mapped_column(index=True)
    """Whose devices are told."""
    user_id: Mapped[UUID]
    device_id: Mapped[UUID]
    journal: Mapped[UUID]
    number: Mapped[int]
    mutation_id: Mapped[UUID | None] = mapped_column(index=True)
    type: Mapped[str]
    collection: Mapped[str | None]
    record_id: Mapped[UUID | None]
    outcome: Mapped[str]
    code: Mapped[str]
    title: Mapped[str]
    detail: Mapped[str]
    fields: Mapped[str]
    """Comma-separated names of the fields that do not stand as sent; empty: the whole mutation."""
    content: Mapped[str]
    """JSON: the mutation as it arrived, and `server` with the values that stand where both differ."""
    occurred_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None] = mapped_column(index=True)
    """When a person, or a later success, closed it."""
    skew_seconds: Mapped[float | None]
    """Device clock minus ours when it was sent."""
    subject_collection: Mapped[str | None]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    """The record that people file it under: at the end of the owner edges, a note's visit for instance."""
    decision: Mapped[str | None]
    """What a person decided (`sync.decisions.Decision`); None while open, and when it closed by itself."""
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None]
    remark: Mapped[str | None]
    """What that person wants the user of the device to read."""
    result_id: Mapped[UUID | None]
    """The record that the decision made, if it made one."""

    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012 - SQLAlchemy reads a class attribute

    @property
    def clock_is_off(self) -> bool:
        """Whether the device's clock was so far from ours that its times deserve a look."""
        return self.skew_seconds is not None and abs(self.skew_seconds) > NOTABLE_SKEW.total_seconds()
