"""What phones sign and what the company seals."""

import base64
import hashlib

import sqlalchemy as sa
from alembic import op
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def on(engine: str, statement: str) -> None:
    """Run a statement, as it is, on one engine only."""
    connection = op.get_bind()
    if connection.dialect.name == engine:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    op.create_table(
        "seal_anchors",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("chain_sha256", sa.String(length=64), nullable=False),
        sa.Column("object_key", sa.String(length=100), nullable=False),
        sa.Column("anchored_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seal_anchors")),
    )
    op.create_table(
        "seal_head",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("chain_sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_seal_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_head")),
    )
    op.create_table(
        "device_keys",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("valid_from", INSTANT, nullable=False),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_device_keys_device_id_devices")),
        sa.PrimaryKeyConstraint("device_id", "name", name=op.f("pk_device_keys")),
    )
    op.create_table(
        "device_manifests",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("previous_sha256", sa.String(length=64), nullable=True),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_manifests_device_id_devices")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_reports.id"], name=op.f("fk_device_manifests_report_id_service_reports")
        ),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_device_manifests")),
        sa.UniqueConstraint("sha256", name=op.f("uq_device_manifests_sha256")),
    )
    op.create_index(op.f("ix_device_manifests_device_id"), "device_manifests", ["device_id"], unique=False)
    op.create_table(
        "report_addenda",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Uuid(), nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_reports.id"], name=op.f("fk_report_addenda_report_id_service_reports")
        ),
        sa.ForeignKeyConstraint(
            ["written_by"], ["users.id"], name=op.f("fk_report_addenda_written_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_addenda")),
        sa.UniqueConstraint("report_id", "number", name=op.f("uq_report_addenda_report_id_number")),
    )
    op.create_table(
        "sealed_documents",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("object_key", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("follows_sha256", sa.String(length=64), nullable=True),
        sa.Column("previous_chain_sha256", sa.String(length=64), nullable=False),
        sa.Column("chain_sha256", sa.String(length=64), nullable=False),
        sa.Column("key_name", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=False),
        sa.Column("timestamp", sa.String(40), nullable=False),
        sa.Column("timestamped_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_reports.id"], name=op.f("fk_sealed_documents_report_id_service_reports")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sealed_documents")),
        sa.UniqueConstraint("chain_sha256", name=op.f("uq_sealed_documents_chain_sha256")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_sealed_documents_fingerprint")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_sealed_documents_kind_subject_id")),
        sa.UniqueConstraint("sha256", name=op.f("uq_sealed_documents_sha256")),
    )
    op.create_index(op.f("ix_sealed_documents_report_id"), "sealed_documents", ["report_id"], unique=False)
    op.create_table(
        "document_timestamps",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("timestamped_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["sealed_documents.number"],
            name=op.f("fk_document_timestamps_number_sealed_documents"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_document_timestamps")),
    )
    for reserved in (
        "manifest_sha256",
        "manifest_jws",
        "pdf_object_key",
        "pdf_sha256",
        "previous_report_sha256",
        "sealed_at",
    ):
        op.drop_column("service_reports", reserved)
    for table in ("device_manifests", "sealed_documents", "document_timestamps", "seal_anchors"):
        _append_only(table)
    head = sa.table("seal_head", sa.column("id"), sa.column("number"), sa.column("chain_sha256"))
    op.execute(sa.insert(head).values(id=1, number=0, chain_sha256="0" * 64))
    _name_the_keys_that_are_there()


def _append_only(table: str) -> None:
    name = f"append_only_{table}"
    for verb in ("UPDATE", "DELETE"):
        on(
            "sqlite",
            f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'constraint:{name}'); END",
        )
    on(
        "postgresql",
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION 'rows of {table} are never changed' "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{name}', TABLE = '{table}'; END $$",
    )
    on(
        "postgresql",
        f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    )


def _name_the_keys_that_are_there() -> None:
    """Each phone's key under its thumbprint (RFC 7638), valid since the phone was enrolled."""
    devices = sa.table(
        "devices", sa.column("id", sa.Uuid()), sa.column("public_key"), sa.column("enrolled_at", INSTANT)
    )
    keys = sa.table(
        "device_keys",
        sa.column("device_id", sa.Uuid()),
        sa.column("name"),
        sa.column("public_key"),
        sa.column("valid_from", INSTANT),
    )
    rows = op.get_bind().execute(sa.select(devices).where(devices.c.public_key.is_not(None))).all()
    for row in rows:
        named = {"device_id": row.id, "name": _thumbprint(row.public_key)}
        op.execute(sa.insert(keys).values(public_key=row.public_key, valid_from=row.enrolled_at, **named))


def _thumbprint(public_key: str) -> str:
    key = load_der_public_key(base64.b64decode(public_key))
    assert isinstance(key, EllipticCurvePublicKey), "phones enrol with no other keys"
    numbers = key.public_numbers()
    x, y = (_base64url(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    return _base64url(hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
