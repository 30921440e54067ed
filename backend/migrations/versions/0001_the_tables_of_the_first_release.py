"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def on(engine: str, statement: str) -> None:
    """Run a statement, as it is, on one engine only."""
    connection = op.get_bind()
    if connection.dialect.name == engine:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(40), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_actor_id"), "audit_log", ["actor_id"], unique=False)
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"], unique=False)
    op.create_index(op.f("ix_audit_log_subject_id"), "audit_log", ["subject_id"], unique=False)
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("external_key", name=op.f("uq_customers_external_key")),
    )
    op.create_index(
        "ix_customers_search_name",
        "customers",
        ["search_name"],
        unique=False,
        postgresql_ops={"search_name": "text_pattern_ops"},
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kept_until", INSTANT, nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_kept_until"), "idempotency_keys", ["kept_until"], unique=False)
    op.create_table(
        "kits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kits")),
        sa.UniqueConstraint("name", name=op.f("uq_kits_name")),
    )
    op.create_table(
        "number_series",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_number_series")),
    )
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
        sa.UniqueConstraint("kind", "key", name=op.f("uq_outbox_messages_kind_key")),
    )
    op.create_index(
        "ix_outbox_messages_state_next_attempt_at",
        "outbox_messages",
        ["state", "next_attempt_at"],
        unique=False,
    )
    op.create_table(
        "parts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search_name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "(price_minor IS NULL) = (currency IS NULL)", name=op.f("ck_parts_price_with_currency")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parts")),
        sa.UniqueConstraint("sku", name=op.f("uq_parts_sku")),
    )
    op.create_index(
        "ix_parts_search_name",
        "parts",
        ["search_name"],
        unique=False,
        postgresql_ops={"search_name": "text_pattern_ops"},
    )
    op.create_table(
        "skills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skills")),
        sa.UniqueConstraint("code", name=op.f("uq_skills_code")),
    )
    op.create_table(
        "throttle_buckets",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle_buckets")),
    )
    op.create_index(op.f("ix_throttle_buckets_updated_at"), "throttle_buckets", ["updated_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("disabled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=True),
        sa.Column("enrolled_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("last_seen_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_devices_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
    )
    op.create_index(op.f("ix_devices_user_id"), "devices", ["user_id"], unique=False)
    op.create_table(
        "kit_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_kit_lines_quantity_positive")),
        sa.ForeignKeyConstraint(["kit_id"], ["kits.id"], name=op.f("fk_kit_lines_kit_id_kits")),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_kit_lines_part_id_parts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit_lines")),
        sa.UniqueConstraint("kit_id", "part_id", name=op.f("uq_kit_lines_kit_id_part_id")),
    )
    op.create_index(op.f("ix_kit_lines_part_id"), "kit_lines", ["part_id"], unique=False)
    op.create_table(
        "sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column(
            "point",
            Geography("POINT", srid=4326, spatial_index=False).with_variant(sa.LargeBinary(), "sqlite"),
            nullable=True,
        ),
        sa.Column("needs_location", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("access_hours", sa.Text(), nullable=True),
        sa.Column("access_notes", sa.Text(), nullable=True),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.CheckConstraint("needs_location = (point IS NULL)", name=op.f("ck_sites_needs_location")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_sites_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("customer_id", "external_key", name=op.f("uq_sites_customer_id_external_key")),
    )
    op.create_table(
        "technicians",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column(
            "home",
            Geography("POINT", srid=4326, spatial_index=False).with_variant(sa.LargeBinary(), "sqlite"),
            nullable=True,
        ),
        sa.Column(
            "territory",
            Geography("POLYGON", srid=4326, spatial_index=False).with_variant(sa.LargeBinary(), "sqlite"),
            nullable=True,
        ),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["users.id"], name=op.f("fk_technicians_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_technicians")),
    )
    op.create_table(
        "van_stock",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_van_stock_part_id_parts")),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["users.id"], name=op.f("fk_van_stock_technician_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_van_stock")),
        sa.UniqueConstraint("technician_id", "part_id", name=op.f("uq_van_stock_technician_id_part_id")),
    )
    op.create_index(op.f("ix_van_stock_part_id"), "van_stock", ["part_id"], unique=False)
    op.create_table(
        "work_types",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("duration_minutes", sa.BigInteger(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=True),
        sa.Column("instructions", sa.Text(), nullable=True),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.CheckConstraint("duration_minutes BETWEEN 1 AND 1440", name=op.f("ck_work_types_duration")),
        sa.ForeignKeyConstraint(["kit_id"], ["kits.id"], name=op.f("fk_work_types_kit_id_kits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_types")),
        sa.UniqueConstraint("code", name=op.f("uq_work_types_code")),
    )
    op.create_table(
        "assets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("installed_on", sa.Date(), nullable=True),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_assets_customer_id_customers")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_assets_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
        sa.UniqueConstraint("model", "serial_number", name=op.f("uq_assets_model_serial_number")),
    )
    op.create_index(op.f("ix_assets_customer_id"), "assets", ["customer_id"], unique=False)
    op.create_index(op.f("ix_assets_serial_number"), "assets", ["serial_number"], unique=False)
    op.create_index(op.f("ix_assets_site_id"), "assets", ["site_id"], unique=False)
    op.create_table(
        "conduct_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("work_type_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.String(40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("proof", sa.String(40), nullable=False),
        sa.Column("media_kind", sa.String(40), nullable=True),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("applies", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(proof = 'media') = (media_kind IS NOT NULL)", name=op.f("ck_conduct_rules_media_kind")
        ),
        sa.ForeignKeyConstraint(
            ["work_type_id"], ["work_types.id"], name=op.f("fk_conduct_rules_work_type_id_work_types")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conduct_rules")),
        sa.UniqueConstraint("code", "work_type_id", name=op.f("uq_conduct_rules_code_work_type_id")),
    )
    op.create_index(
        "uq_conduct_rules_general_code",
        "conduct_rules",
        ["code"],
        unique=True,
        sqlite_where=sa.text("work_type_id IS NULL"),
        postgresql_where=sa.text("work_type_id IS NULL"),
    )
    op.create_table(
        "enrolment_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_enrolment_codes_device_id_devices")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_enrolment_codes_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_enrolment_codes_code_hash")),
    )
    op.create_index(op.f("ix_enrolment_codes_user_id"), "enrolment_codes", ["user_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("current_hash", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("refresh_expires_at", INSTANT, nullable=False),
        sa.Column("rotated_at", INSTANT, nullable=False),
        sa.Column("family_expires_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("ended_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_sessions_device_id_devices")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("current_hash", name=op.f("uq_sessions_current_hash")),
        sa.UniqueConstraint("previous_hash", name=op.f("uq_sessions_previous_hash")),
    )
    op.create_index(op.f("ix_sessions_device_id"), "sessions", ["device_id"], unique=False)
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "shifts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_shifts_in_order")),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["technicians.id"], name=op.f("fk_shifts_technician_id_technicians")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
    )
    op.create_index(
        "ix_shifts_technician_id_starts_at", "shifts", ["technician_id", "starts_at"], unique=False
    )
    op.create_table(
        "technician_skills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_technician_skills_level")),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_technician_skills_skill_id_skills")
        ),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["technicians.id"], name=op.f("fk_technician_skills_technician_id_technicians")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_technician_skills")),
        sa.UniqueConstraint(
            "technician_id", "skill_id", name=op.f("uq_technician_skills_technician_id_skill_id")
        ),
    )
    op.create_table(
        "work_type_skills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("work_type_id", sa.Uuid(), nullable=False),
        sa.Column("skill_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_work_type_skills_level")),
        sa.ForeignKeyConstraint(
            ["skill_id"], ["skills.id"], name=op.f("fk_work_type_skills_skill_id_skills")
        ),
        sa.ForeignKeyConstraint(
            ["work_type_id"], ["work_types.id"], name=op.f("fk_work_type_skills_work_type_id_work_types")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_type_skills")),
        sa.UniqueConstraint(
            "work_type_id", "skill_id", name=op.f("uq_work_type_skills_work_type_id_skill_id")
        ),
    )
    op.create_table(
        "access_tokens",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_access_tokens_session_id_sessions")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_access_tokens")),
    )
    op.create_index(op.f("ix_access_tokens_expires_at"), "access_tokens", ["expires_at"], unique=False)
    op.create_index(op.f("ix_access_tokens_session_id"), "access_tokens", ["session_id"], unique=False)
    op.create_table(
        "entitlements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("covers", sa.Text(), nullable=False),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.CheckConstraint("starts_on <= ends_on", name=op.f("ck_entitlements_days_in_order")),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name=op.f("fk_entitlements_asset_id_assets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlements")),
    )
    op.create_index(op.f("ix_entitlements_asset_id"), "entitlements", ["asset_id"], unique=False)
    op.create_table(
        "service_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("descriptor", sa.Text(), nullable=True),
        sa.Column("priority", sa.String(40), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("first_response_due_at", INSTANT, nullable=False),
        sa.Column("responded_at", INSTANT, nullable=True),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.Column("outcome_reason", sa.Text(), nullable=True),
        sa.Column("needs_location", sa.Boolean(), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=False),
        sa.Column("triaged_by", sa.Uuid(), nullable=True),
        sa.Column("triaged_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name=op.f("fk_service_requests_asset_id_assets")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_service_requests_customer_id_customers")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_service_requests_site_id_sites")),
        sa.ForeignKeyConstraint(["taken_by"], ["users.id"], name=op.f("fk_service_requests_taken_by_users")),
        sa.ForeignKeyConstraint(
            ["triaged_by"], ["users.id"], name=op.f("fk_service_requests_triaged_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_requests")),
        sa.UniqueConstraint("channel", "external_key", name="uq_service_requests_external_key"),
        sa.UniqueConstraint("number", name=op.f("uq_service_requests_number")),
    )
    op.create_index(op.f("ix_service_requests_asset_id"), "service_requests", ["asset_id"], unique=False)
    op.create_index(
        op.f("ix_service_requests_customer_id"), "service_requests", ["customer_id"], unique=False
    )
    op.create_index(
        op.f("ix_service_requests_first_response_due_at"),
        "service_requests",
        ["first_response_due_at"],
        unique=False,
    )
    op.create_index(op.f("ix_service_requests_site_id"), "service_requests", ["site_id"], unique=False)
    op.create_index(op.f("ix_service_requests_status"), "service_requests", ["status"], unique=False)
    op.create_table(
        "spent_refresh_tokens",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_spent_refresh_tokens_session_id_sessions")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_spent_refresh_tokens")),
    )
    op.create_index(
        op.f("ix_spent_refresh_tokens_expires_at"), "spent_refresh_tokens", ["expires_at"], unique=False
    )
    op.create_index(
        op.f("ix_spent_refresh_tokens_session_id"), "spent_refresh_tokens", ["session_id"], unique=False
    )
    op.create_table(
        "case_touches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("how", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["service_requests.id"], name=op.f("fk_case_touches_request_id_service_requests")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_case_touches_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_touches")),
        sa.UniqueConstraint("request_id", "user_id", "how", name="uq_case_touches_once"),
    )
    op.create_index(op.f("ix_case_touches_user_id"), "case_touches", ["user_id"], unique=False)
    op.create_table(
        "work_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("work_type_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("priority", sa.String(40), nullable=False),
        sa.Column("earliest_start", INSTANT, nullable=True),
        sa.Column("due", INSTANT, nullable=True),
        sa.CheckConstraint("earliest_start < due", name=op.f("ck_work_orders_limits_in_order")),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name=op.f("fk_work_orders_asset_id_assets")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_work_orders_customer_id_customers")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["service_requests.id"], name=op.f("fk_work_orders_request_id_service_requests")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_work_orders_site_id_sites")),
        sa.ForeignKeyConstraint(
            ["work_type_id"], ["work_types.id"], name=op.f("fk_work_orders_work_type_id_work_types")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_work_orders_number")),
        sa.UniqueConstraint("request_id", name=op.f("uq_work_orders_request_id")),
    )
    op.create_index(op.f("ix_work_orders_asset_id"), "work_orders", ["asset_id"], unique=False)
    op.create_index(op.f("ix_work_orders_customer_id"), "work_orders", ["customer_id"], unique=False)
    op.create_index(op.f("ix_work_orders_site_id"), "work_orders", ["site_id"], unique=False)
    op.create_index(op.f("ix_work_orders_status"), "work_orders", ["status"], unique=False)
    op.create_table(
        "payment_badges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_orders.id"], name=op.f("fk_payment_badges_work_order_id_work_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_badges")),
        sa.UniqueConstraint("work_order_id", name=op.f("uq_payment_badges_work_order_id")),
    )
    op.create_table(
        "visits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("duration_minutes", sa.BigInteger(), nullable=False),
        sa.Column("arrival_window_start", INSTANT, nullable=True),
        sa.Column("arrival_window_end", INSTANT, nullable=True),
        sa.Column("window_version", sa.BigInteger(), nullable=False),
        sa.Column("scheduled_start", INSTANT, nullable=True),
        sa.Column("scheduled_end", INSTANT, nullable=True),
        sa.Column("confirmation", sa.String(40), nullable=False),
        sa.Column("confirmed_window_version", sa.BigInteger(), nullable=True),
        sa.Column("dispatched_at", INSTANT, nullable=True),
        sa.Column("accepted_at", INSTANT, nullable=True),
        sa.Column("en_route_at", INSTANT, nullable=True),
        sa.Column("arrived_at", INSTANT, nullable=True),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("dispatch_override_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "confirmation <> 'confirmed' OR coalesce(confirmed_window_version, 0) = window_version",
            name=op.f("ck_visits_confirmation_of_present_window"),
        ),
        sa.CheckConstraint(
            "(arrival_window_start IS NULL) = (arrival_window_end IS NULL)",
            name=op.f("ck_visits_arrival_window_whole"),
        ),
        sa.CheckConstraint(
            "(scheduled_start IS NULL) = (scheduled_end IS NULL)", name=op.f("ck_visits_plan_whole")
        ),
        sa.CheckConstraint(
            "arrival_window_start < arrival_window_end", name=op.f("ck_visits_arrival_window_in_order")
        ),
        sa.CheckConstraint("scheduled_start < scheduled_end", name=op.f("ck_visits_plan_in_order")),
        sa.CheckConstraint(
            "technician_id IS NULL OR scheduled_start IS NOT NULL", name=op.f("ck_visits_assigned_has_plan")
        ),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["technicians.id"], name=op.f("fk_visits_technician_id_technicians")
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"], ["work_orders.id"], name=op.f("fk_visits_work_order_id_work_orders")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
        sa.UniqueConstraint("work_order_id", "number", name=op.f("uq_visits_work_order_id_number")),
    )
    op.create_index("ix_visits_scheduled_start", "visits", ["scheduled_start"], unique=False)
    op.create_index(
        "ix_visits_technician_id_scheduled_start",
        "visits",
        ["technician_id", "scheduled_start"],
        unique=False,
    )
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("reached_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.String(40), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_callbacks_closed_at")
        ),
        sa.CheckConstraint("(status = 'closed') = (outcome IS NOT NULL)", name=op.f("ck_callbacks_outcome")),
        sa.CheckConstraint("(status = 'due') = (assignee_id IS NULL)", name=op.f("ck_callbacks_assignee")),
        sa.ForeignKeyConstraint(["assignee_id"], ["users.id"], name=op.f("fk_callbacks_assignee_id_users")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["service_requests.id"], name=op.f("fk_callbacks_request_id_service_requests")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_callbacks_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
        sa.UniqueConstraint("visit_id", name=op.f("uq_callbacks_visit_id")),
    )
    op.create_index(op.f("ix_callbacks_assignee_id"), "callbacks", ["assignee_id"], unique=False)
    op.create_index(op.f("ix_callbacks_request_id"), "callbacks", ["request_id"], unique=False)
    op.create_index(op.f("ix_callbacks_status_due_at"), "callbacks", ["status", "due_at"], unique=False)
    op.create_table(
        "checklist_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("packed", sa.Boolean(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("quantity_used", sa.BigInteger(), nullable=False),
        sa.Column("quantity_returned", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("packed OR NOT verified", name=op.f("ck_checklist_items_verified_is_packed")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_checklist_items_quantity_positive")),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_checklist_items_part_id_parts")),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_checklist_items_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checklist_items")),
        sa.UniqueConstraint("visit_id", "part_id", name=op.f("uq_checklist_items_visit_id_part_id")),
    )
    op.create_index(op.f("ix_checklist_items_part_id"), "checklist_items", ["part_id"], unique=False)
    op.create_table(
        "confirmation_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["visit_id"], ["visits.id"], name=op.f("fk_confirmation_links_visit_id_visits")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmation_links")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_confirmation_links_token_sha256")),
    )
    op.create_index(op.f("ix_confirmation_links_visit_id"), "confirmation_links", ["visit_id"], unique=False)
    op.create_table(
        "feedback_cards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("punctuality", sa.BigInteger(), nullable=True),
        sa.Column("conduct", sa.BigInteger(), nullable=True),
        sa.Column("quality", sa.BigInteger(), nullable=True),
        sa.Column("cleanliness", sa.BigInteger(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("declined", sa.Boolean(), nullable=False),
        sa.Column("offered_at", INSTANT, nullable=True),
        sa.CheckConstraint("cleanliness BETWEEN 1 AND 5", name=op.f("ck_feedback_cards_cleanliness")),
        sa.CheckConstraint("conduct BETWEEN 1 AND 5", name=op.f("ck_feedback_cards_conduct")),
        sa.CheckConstraint("punctuality BETWEEN 1 AND 5", name=op.f("ck_feedback_cards_punctuality")),
        sa.CheckConstraint("quality BETWEEN 1 AND 5", name=op.f("ck_feedback_cards_quality")),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_feedback_cards_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_cards")),
        sa.UniqueConstraint("visit_id", name=op.f("uq_feedback_cards_visit_id")),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=False),
        sa.Column(
            "place",
            Geography("POINT", srid=4326, spatial_index=False).with_variant(sa.LargeBinary(), "sqlite"),
            nullable=True,
        ),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("stored_at", INSTANT, nullable=True),
        sa.Column("object_key", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'stored') = (stored_at IS NOT NULL)", name=op.f("ck_media_stored_at")),
        sa.CheckConstraint("size > 0", name=op.f("ck_media_size")),
        sa.ForeignKeyConstraint(["registered_by"], ["users.id"], name=op.f("fk_media_registered_by_users")),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_media_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_object_key"), "media", ["object_key"], unique=False)
    op.create_index(op.f("ix_media_registered_by"), "media", ["registered_by"], unique=False)
    op.create_index(op.f("ix_media_visit_id"), "media", ["visit_id"], unique=False)
    op.create_table(
        "removed_parts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("disposition", sa.String(40), nullable=True),
        sa.Column("consented_by", sa.Text(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "(disposition IS NULL) = (consented_by IS NULL)", name=op.f("ck_removed_parts_consent")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["users.id"], name=op.f("fk_removed_parts_recorded_by_users")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_removed_parts_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removed_parts")),
    )
    op.create_index(op.f("ix_removed_parts_visit_id"), "removed_parts", ["visit_id"], unique=False)
    op.create_table(
        "visit_assignments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_from", INSTANT, nullable=False),
        sa.Column("assigned_until", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["technicians.id"], name=op.f("fk_visit_assignments_technician_id_technicians")
        ),
        sa.ForeignKeyConstraint(
            ["visit_id"], ["visits.id"], name=op.f("fk_visit_assignments_visit_id_visits")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_assignments")),
    )
    op.create_index(
        "ix_visit_assignments_technician_id_visit_id",
        "visit_assignments",
        ["technician_id", "visit_id"],
        unique=False,
    )
    op.create_index(
        "uq_visit_assignments_visit_id_current",
        "visit_assignments",
        ["visit_id"],
        unique=True,
        postgresql_where=sa.text("assigned_until IS NULL"),
        sqlite_where=sa.text("assigned_until IS NULL"),
    )
    op.create_table(
        "visit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("from_status", sa.String(40), nullable=True),
        sa.Column("to_status", sa.String(40), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_role", sa.String(40), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("technician_id", sa.Uuid(), nullable=True),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("window_version", sa.BigInteger(), nullable=False),
        sa.Column("window_start", INSTANT, nullable=True),
        sa.Column("window_end", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_visit_events_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_events")),
    )
    op.create_index(
        "ix_visit_events_visit_id_created_at", "visit_events", ["visit_id", "created_at"], unique=False
    )
    op.create_table(
        "visit_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_visit_notes_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_notes")),
    )
    op.create_index(op.f("ix_visit_notes_visit_id"), "visit_notes", ["visit_id"], unique=False)
    op.create_table(
        "window_offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_window_offers_in_order")),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_window_offers_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_offers")),
    )
    op.create_index(op.f("ix_window_offers_visit_id"), "window_offers", ["visit_id"], unique=False)
    op.create_table(
        "callback_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("callback_id", sa.Uuid(), nullable=False),
        sa.Column("called_by", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["callback_id"], ["callbacks.id"], name=op.f("fk_callback_attempts_callback_id_callbacks")
        ),
        sa.ForeignKeyConstraint(
            ["called_by"], ["users.id"], name=op.f("fk_callback_attempts_called_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_attempts")),
    )
    op.create_index(
        op.f("ix_callback_attempts_callback_id"), "callback_attempts", ["callback_id"], unique=False
    )
    op.create_table(
        "conduct_steps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("rule_code", sa.String(length=60), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("phase", sa.String(40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("proof", sa.String(40), nullable=False),
        sa.Column("media_kind", sa.String(40), nullable=True),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.String(40), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("waived_reason", sa.Text(), nullable=True),
        sa.Column("waiver_media_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(waived_reason IS NULL) = (waiver_media_id IS NULL)", name=op.f("ck_conduct_steps_waiver")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_conduct_steps_visit_id_visits")),
        sa.ForeignKeyConstraint(
            ["waiver_media_id"], ["media.id"], name=op.f("fk_conduct_steps_waiver_media_id_media")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conduct_steps")),
        sa.UniqueConstraint("visit_id", "rule_code", name=op.f("uq_conduct_steps_visit_id_rule_code")),
    )
    op.create_table(
        "part_usages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("checklist_item_id", sa.Uuid(), nullable=True),
        sa.Column("direction", sa.String(40), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=True),
        sa.Column("used_by", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_part_usages_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["checklist_item_id"],
            ["checklist_items.id"],
            name=op.f("fk_part_usages_checklist_item_id_checklist_items"),
        ),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_part_usages_part_id_parts")),
        sa.ForeignKeyConstraint(["used_by"], ["users.id"], name=op.f("fk_part_usages_used_by_users")),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_part_usages_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part_usages")),
    )
    op.create_index(op.f("ix_part_usages_part_id"), "part_usages", ["part_id"], unique=False)
    op.create_index(op.f("ix_part_usages_visit_id"), "part_usages", ["visit_id"], unique=False)
    op.create_table(
        "service_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("work_done", sa.Text(), nullable=True),
        sa.Column("signer_name", sa.Text(), nullable=True),
        sa.Column("signer_role", sa.String(40), nullable=True),
        sa.Column("signature_media_id", sa.Uuid(), nullable=True),
        sa.Column("refusal_reason", sa.Text(), nullable=True),
        sa.Column("absence_reason", sa.Text(), nullable=True),
        sa.Column("frozen_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("issued_at", INSTANT, nullable=True),
        sa.Column("media_expected", sa.BigInteger(), nullable=False),
        sa.Column("media_stored", sa.BigInteger(), nullable=False),
        sa.Column("seal_state", sa.String(40), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=True),
        sa.Column("manifest_jws", sa.Text(), nullable=True),
        sa.Column("pdf_object_key", sa.String(length=100), nullable=True),
        sa.Column("pdf_sha256", sa.String(length=64), nullable=True),
        sa.Column("previous_report_sha256", sa.String(length=64), nullable=True),
        sa.Column("sealed_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "(status = 'issued') = (issued_at IS NOT NULL)", name=op.f("ck_service_reports_issued_at")
        ),
        sa.CheckConstraint(
            "(status IN ('draft')) = (frozen_at IS NULL)", name=op.f("ck_service_reports_frozen_at")
        ),
        sa.CheckConstraint(
            "(status IN ('draft', 'frozen')) = (closed_at IS NULL)", name=op.f("ck_service_reports_closed_at")
        ),
        sa.CheckConstraint(
            "media_stored BETWEEN 0 AND media_expected", name=op.f("ck_service_reports_media_stored")
        ),
        sa.ForeignKeyConstraint(["closed_by"], ["users.id"], name=op.f("fk_service_reports_closed_by_users")),
        sa.ForeignKeyConstraint(
            ["signature_media_id"], ["media.id"], name=op.f("fk_service_reports_signature_media_id_media")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.id"], name=op.f("fk_service_reports_visit_id_visits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_reports")),
        sa.UniqueConstraint("visit_id", name=op.f("uq_service_reports_visit_id")),
    )
    op.create_table(
        "report_charges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.CheckConstraint("quantity > 0 AND unit_minor >= 0", name=op.f("ck_report_charges_amount")),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_report_charges_part_id_parts")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_reports.id"], name=op.f("fk_report_charges_report_id_service_reports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_charges")),
    )
    op.create_index(op.f("ix_report_charges_report_id"), "report_charges", ["report_id"], unique=False)
    op.create_table(
        "report_media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("media_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_report_media_media_id_media")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_reports.id"], name=op.f("fk_report_media_report_id_service_reports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_media")),
        sa.UniqueConstraint("report_id", "media_id", name=op.f("uq_report_media_report_id_media_id")),
    )
    op.create_index(op.f("ix_report_media_media_id"), "report_media", ["media_id"], unique=False)
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("technician_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("quantity_delta", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("part_usage_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.CheckConstraint("quantity_delta <> 0", name=op.f("ck_stock_movements_quantity_moved")),
        sa.ForeignKeyConstraint(["part_id"], ["parts.id"], name=op.f("fk_stock_movements_part_id_parts")),
        sa.ForeignKeyConstraint(
            ["part_usage_id"], ["part_usages.id"], name=op.f("fk_stock_movements_part_usage_id_part_usages")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["users.id"], name=op.f("fk_stock_movements_recorded_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["users.id"], name=op.f("fk_stock_movements_technician_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movements")),
        sa.UniqueConstraint("part_usage_id", name=op.f("uq_stock_movements_part_usage_id")),
    )
    op.create_index(op.f("ix_stock_movements_part_id"), "stock_movements", ["part_id"], unique=False)
    op.create_index(
        op.f("ix_stock_movements_technician_id"), "stock_movements", ["technician_id"], unique=False
    )
    op.create_table(
        "sync_changes",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_changes")),
    )
    op.create_table(
        "sync_entries",
        sa.Column("journal", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("mutation_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("journal", "number", name=op.f("pk_sync_entries")),
    )
    op.create_index(op.f("ix_sync_entries_mutation_id"), "sync_entries", ["mutation_id"], unique=False)
    op.create_table(
        "sync_feed_rows",
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False, comment="64 bits of the body, read as signed"),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="a removal keeps the last one"),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.Column(
            "published", sa.Text(), nullable=False, comment="[[revision, position], ...], the newest last"
        ),
        sa.PrimaryKeyConstraint("audience", "collection", "record_id", name=op.f("pk_sync_feed_rows")),
    )
    op.create_index(
        "ix_sync_feed_rows_record_id_collection", "sync_feed_rows", ["record_id", "collection"], unique=False
    )
    op.create_index(
        "uq_sync_feed_rows_audience_position", "sync_feed_rows", ["audience", "position"], unique=True
    )
    op.create_table(
        "sync_feeds",
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column(
            "digest", sa.BigInteger(), nullable=False, comment="sum mod 2^64 of the hashes, read as signed"
        ),
        sa.Column(
            "local_day",
            sa.Date(),
            nullable=True,
            comment="the last day the window was worked out for; never goes back",
        ),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False, comment="the shape versions of the stored bodies"),
        sa.PrimaryKeyConstraint("audience", name=op.f("pk_sync_feeds")),
    )
    op.create_table(
        "sync_field_inbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("journal", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("mutation_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=True),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=True),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_field_inbox")),
    )
    op.create_index(
        op.f("ix_sync_field_inbox_mutation_id"), "sync_field_inbox", ["mutation_id"], unique=False
    )
    op.create_index(op.f("ix_sync_field_inbox_owner_id"), "sync_field_inbox", ["owner_id"], unique=False)
    op.create_index(op.f("ix_sync_field_inbox_settled_at"), "sync_field_inbox", ["settled_at"], unique=False)
    op.create_table(
        "sync_field_revisions",
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False, comment="empty: the creation of the record"),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("collection", "record_id", "field", name=op.f("pk_sync_field_revisions")),
    )
    op.create_table(
        "sync_floors",
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("audience", "collection", name=op.f("pk_sync_floors")),
    )
    op.create_table(
        "sync_journals",
        sa.Column("journal", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expected_number", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False, comment="mutations that wait for a condition"),
        sa.Column(
            "retry_at", INSTANT, nullable=True, comment="when the first of them is to be tried again, if ever"
        ),
        sa.Column(
            "skew_seconds", sa.Float(), nullable=True, comment="device clock minus ours, at the last push"
        ),
        sa.Column("pushed_at", INSTANT, nullable=False),
        sa.Column(
            "wiped_at",
            INSTANT,
            nullable=True,
            comment="when the device was first told to wipe with its journal in",
        ),
        sa.PrimaryKeyConstraint("journal", name=op.f("pk_sync_journals")),
    )
    op.create_table(
        "sync_marks",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_marks")),
    )
    op.create_index(op.f("ix_sync_marks_audience"), "sync_marks", ["audience"], unique=False)
    op.create_table(
        "sync_mutations",
        sa.Column("mutation_id", sa.Uuid(), nullable=False),
        sa.Column("journal", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False, comment="the mutation as it arrived"),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("skew_seconds", sa.Float(), nullable=True),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column(
            "fields",
            sa.Text(),
            nullable=True,
            comment="names of the fields that do not stand as the device sent them",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("mutation_id", name=op.f("pk_sync_mutations")),
    )
    op.create_index(
        "ix_sync_mutations_held",
        "sync_mutations",
        ["journal", "number"],
        unique=False,
        postgresql_where=sa.text("outcome = 'held'"),
        sqlite_where=sa.text("outcome = 'held'"),
    )
    op.create_index(op.f("ix_sync_mutations_received_at"), "sync_mutations", ["received_at"], unique=False)
    op.create_table(
        "sync_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("server_identity", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_state")),
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_audit_log_update BEFORE UPDATE ON audit_log BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_audit_log'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_audit_log_delete BEFORE DELETE ON audit_log BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_audit_log'); END",
    )
    on(
        "sqlite",
        "INSERT INTO users (id, revision, created_at, email, display_name, role, "
        "time_zone) VALUES ('00000000000070008000000000000001', 1, "
        "'2000-01-01T00:00:00.000000Z', 'system@doorstep.invalid', 'Doorstep', 'system', "
        "'UTC')",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_callback_attempts_update BEFORE UPDATE ON "
        "callback_attempts BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_callback_attempts'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_callback_attempts_delete BEFORE DELETE ON "
        "callback_attempts BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_callback_attempts'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER ck_callbacks_independent_insert BEFORE INSERT ON callbacks WHEN "
        "NEW.assignee_id IS NOT NULL AND EXISTS (SELECT 1 FROM case_touches WHERE "
        "request_id = NEW.request_id AND user_id = NEW.assignee_id) BEGIN SELECT "
        "RAISE(ABORT, 'constraint:ck_callbacks_independent'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER ck_callbacks_independent_update BEFORE UPDATE OF assignee_id, "
        "request_id ON callbacks WHEN NEW.assignee_id IS NOT NULL AND EXISTS (SELECT 1 "
        "FROM case_touches WHERE request_id = NEW.request_id AND user_id = "
        "NEW.assignee_id) BEGIN SELECT RAISE(ABORT, "
        "'constraint:ck_callbacks_independent'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER callbacks_released AFTER INSERT ON case_touches BEGIN UPDATE "
        "callbacks SET status = 'due', assignee_id = NULL, revision = revision + 1 WHERE "
        "request_id = NEW.request_id AND assignee_id = NEW.user_id AND status = "
        "'assigned'; END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_visit_events_update BEFORE UPDATE ON visit_events "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_visit_events'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_visit_events_delete BEFORE DELETE ON visit_events "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_visit_events'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER ex_visits_technician_overlap_insert BEFORE INSERT ON visits WHEN "
        "NEW.technician_id IS NOT NULL AND NEW.status IN ('accepted', 'confirmed', "
        "'dispatched', 'en_route', 'in_progress', 'offered', 'on_site', 'requires_slot') "
        "AND EXISTS (SELECT 1 FROM visits AS other WHERE other.technician_id = "
        "NEW.technician_id AND other.id <> NEW.id AND other.status IN ('accepted', "
        "'confirmed', 'dispatched', 'en_route', 'in_progress', 'offered', 'on_site', "
        "'requires_slot') AND other.scheduled_start < NEW.scheduled_end AND "
        "NEW.scheduled_start < other.scheduled_end) BEGIN SELECT RAISE(ABORT, "
        "'constraint:ex_visits_technician_overlap'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER ex_visits_technician_overlap_update BEFORE UPDATE OF "
        "technician_id, status, scheduled_start, scheduled_end ON visits WHEN "
        "NEW.technician_id IS NOT NULL AND NEW.status IN ('accepted', 'confirmed', "
        "'dispatched', 'en_route', 'in_progress', 'offered', 'on_site', 'requires_slot') "
        "AND EXISTS (SELECT 1 FROM visits AS other WHERE other.technician_id = "
        "NEW.technician_id AND other.id <> NEW.id AND other.status IN ('accepted', "
        "'confirmed', 'dispatched', 'en_route', 'in_progress', 'offered', 'on_site', "
        "'requires_slot') AND other.scheduled_start < NEW.scheduled_end AND "
        "NEW.scheduled_start < other.scheduled_end) BEGIN SELECT RAISE(ABORT, "
        "'constraint:ex_visits_technician_overlap'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_part_usages_update BEFORE UPDATE ON part_usages BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_part_usages'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_part_usages_delete BEFORE DELETE ON part_usages BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_part_usages'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_stock_movements_update BEFORE UPDATE ON "
        "stock_movements BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_stock_movements'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_stock_movements_delete BEFORE DELETE ON "
        "stock_movements BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_stock_movements'); END",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000001', 1, '2025-01-01T00:00:00.000000Z', "
        "'agreed-time', NULL, 10, 'arrival', 'Arrived within the agreed time, or the "
        "customer was told before.', 'answer', NULL, 1, 1)",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000002', 1, '2025-01-01T00:00:00.000000Z', "
        "'before-photo', NULL, 20, 'arrival', 'Photograph the place of work before "
        "touching anything.', 'media', 'before', 1, 1)",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000003', 1, '2025-01-01T00:00:00.000000Z', "
        "'belongings-untouched', NULL, 30, 'work', 'The customer''s belongings were not "
        "touched without consent.', 'answer', NULL, 1, 1)",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000004', 1, '2025-01-01T00:00:00.000000Z', "
        "'no-gifts', NULL, 40, 'work', 'No gift, tip or payment was taken.', 'answer', "
        "NULL, 1, 1)",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000005', 1, '2025-01-01T00:00:00.000000Z', "
        "'disposal-consent', NULL, 50, 'work', 'For each removed part the customer said: "
        "keep, return or dispose.', 'removed_parts', NULL, 1, 1)",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000006', 1, '2025-01-01T00:00:00.000000Z', "
        "'area-cleaned', NULL, 60, 'leaving', 'The work area was left clean.', 'answer', "
        "NULL, 1, 1)",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000007', 1, '2025-01-01T00:00:00.000000Z', "
        "'after-photo', NULL, 70, 'leaving', 'Photograph the finished work.', 'media', "
        "'after', 1, 1)",
    )
    on(
        "sqlite",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000000070008000000000000008', 1, '2025-01-01T00:00:00.000000Z', "
        "'feedback-card', NULL, 80, 'leaving', 'The feedback card was offered.', "
        "'feedback', NULL, 1, 1)",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of audit_log are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_audit_log', TABLE = 'audit_log'; "
        "END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_audit_log BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "audit_log FOR EACH STATEMENT EXECUTE FUNCTION append_only_audit_log()",
    )
    on(
        "postgresql",
        "INSERT INTO users (id, revision, created_at, email, display_name, role, "
        "time_zone) VALUES ('00000000-0000-7000-8000-000000000001', 1, "
        "'2000-01-01T00:00:00.000000Z', 'system@doorstep.invalid', 'Doorstep', 'system', "
        "'UTC')",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_callback_attempts() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'rows of callback_attempts are never changed' USING "
        "ERRCODE = 'check_violation', CONSTRAINT = 'append_only_callback_attempts', TABLE "
        "= 'callback_attempts'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_callback_attempts BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON callback_attempts FOR EACH STATEMENT EXECUTE FUNCTION "
        "append_only_callback_attempts()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION ck_callbacks_independent() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('callbacks:' || "
        "NEW.request_id::text, 0)); IF EXISTS (SELECT 1 FROM case_touches WHERE "
        "request_id = NEW.request_id AND user_id = NEW.assignee_id) THEN RAISE EXCEPTION "
        "'the assignee touched the case' USING ERRCODE = 'check_violation', CONSTRAINT = "
        "'ck_callbacks_independent', TABLE = 'callbacks'; END IF; RETURN NEW; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER ck_callbacks_independent BEFORE INSERT OR UPDATE OF assignee_id, "
        "request_id ON callbacks FOR EACH ROW WHEN (NEW.assignee_id IS NOT NULL) EXECUTE "
        "FUNCTION ck_callbacks_independent()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION callbacks_released() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('callbacks:' || "
        "NEW.request_id::text, 0)); UPDATE callbacks SET status = 'due', assignee_id = "
        "NULL, revision = revision + 1 WHERE request_id = NEW.request_id AND assignee_id "
        "= NEW.user_id AND status = 'assigned'; RETURN NULL; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER callbacks_released AFTER INSERT ON case_touches FOR EACH ROW "
        "EXECUTE FUNCTION callbacks_released()",
    )
    on("postgresql", "CREATE INDEX ix_media_place ON media USING gist (place)")
    on("postgresql", "CREATE INDEX ix_sites_point ON sites USING gist (point)")
    on("postgresql", "CREATE INDEX ix_technicians_home ON technicians USING gist (home)")
    on("postgresql", "CREATE INDEX ix_technicians_territory ON technicians USING gist (territory)")
    on(
        "postgresql",
        "CREATE FUNCTION append_only_visit_events() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of visit_events are never changed' USING ERRCODE "
        "= 'check_violation', CONSTRAINT = 'append_only_visit_events', TABLE = "
        "'visit_events'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_visit_events BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "visit_events FOR EACH STATEMENT EXECUTE FUNCTION append_only_visit_events()",
    )
    on("postgresql", "CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public")
    on(
        "postgresql",
        "ALTER TABLE visits ADD CONSTRAINT ex_visits_technician_overlap EXCLUDE USING "
        "gist (technician_id WITH =, tstzrange(scheduled_start, scheduled_end) WITH &&) "
        "WHERE (technician_id IS NOT NULL AND status IN ('accepted', 'confirmed', "
        "'dispatched', 'en_route', 'in_progress', 'offered', 'on_site', 'requires_slot'))",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_part_usages() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of part_usages are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_part_usages', TABLE = "
        "'part_usages'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_part_usages BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "part_usages FOR EACH STATEMENT EXECUTE FUNCTION append_only_part_usages()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_stock_movements() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'rows of stock_movements are never changed' USING "
        "ERRCODE = 'check_violation', CONSTRAINT = 'append_only_stock_movements', TABLE = "
        "'stock_movements'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_stock_movements BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON stock_movements FOR EACH STATEMENT EXECUTE FUNCTION "
        "append_only_stock_movements()",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000001', 1, '2025-01-01T00:00:00.000000Z', "
        "'agreed-time', NULL, 10, 'arrival', 'Arrived within the agreed time, or the "
        "customer was told before.', 'answer', NULL, true, true)",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000002', 1, '2025-01-01T00:00:00.000000Z', "
        "'before-photo', NULL, 20, 'arrival', 'Photograph the place of work before "
        "touching anything.', 'media', 'before', true, true)",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000003', 1, '2025-01-01T00:00:00.000000Z', "
        "'belongings-untouched', NULL, 30, 'work', 'The customer''s belongings were not "
        "touched without consent.', 'answer', NULL, true, true)",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000004', 1, '2025-01-01T00:00:00.000000Z', "
        "'no-gifts', NULL, 40, 'work', 'No gift, tip or payment was taken.', 'answer', "
        "NULL, true, true)",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000005', 1, '2025-01-01T00:00:00.000000Z', "
        "'disposal-consent', NULL, 50, 'work', 'For each removed part the customer said: "
        "keep, return or dispose.', 'removed_parts', NULL, true, true)",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000006', 1, '2025-01-01T00:00:00.000000Z', "
        "'area-cleaned', NULL, 60, 'leaving', 'The work area was left clean.', 'answer', "
        "NULL, true, true)",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000007', 1, '2025-01-01T00:00:00.000000Z', "
        "'after-photo', NULL, 70, 'leaving', 'Photograph the finished work.', 'media', "
        "'after', true, true)",
    )
    on(
        "postgresql",
        "INSERT INTO conduct_rules (id, revision, created_at, code, work_type_id, "
        "position, phase, text, proof, media_kind, required, applies) VALUES "
        "('0190a000-0000-7000-8000-000000000008', 1, '2025-01-01T00:00:00.000000Z', "
        "'feedback-card', NULL, 80, 'leaving', 'The feedback card was offered.', "
        "'feedback', NULL, true, true)",
    )
