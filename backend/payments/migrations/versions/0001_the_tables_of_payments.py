"""The tables of payments."""

import sqlalchemy as sa
from alembic import op
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
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("code", name=op.f("uq_accounts_code")),
    )
    op.create_index(op.f("ix_accounts_subject"), "accounts", ["subject"], unique=False)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_subject_id"), "audit_log", ["subject_id"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("headers", DOCUMENT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("provider", "event_id", name=op.f("uq_inbox_provider_event_id")),
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
        "payment_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(length=25), nullable=False),
        sa.Column("link_sha256", sa.String(length=64), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_number", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("customer_name", sa.Text(), nullable=False),
        sa.Column("customer_email", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("covered_minor", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "gross_minor >= 0 AND covered_minor BETWEEN 0 AND gross_minor",
            name=op.f("ck_payment_requests_amounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_requests")),
        sa.UniqueConstraint("link_sha256", name=op.f("uq_payment_requests_link_sha256")),
        sa.UniqueConstraint("number", name=op.f("uq_payment_requests_number")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_requests_reference")),
    )
    op.create_index(
        op.f("ix_payment_requests_customer_id"), "payment_requests", ["customer_id"], unique=False
    )
    op.create_index(op.f("ix_payment_requests_report_id"), "payment_requests", ["report_id"], unique=False)
    op.create_index(
        op.f("ix_payment_requests_work_order_id"), "payment_requests", ["work_order_id"], unique=False
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("disabled_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
    )
    op.create_table(
        "bank_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("imported_at", INSTANT, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_bank_files_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_files")),
        sa.UniqueConstraint("sha256", name=op.f("uq_bank_files_sha256")),
    )
    op.create_table(
        "cash_complaints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("said_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["payment_requests.id"],
            name=op.f("fk_cash_complaints_request_id_payment_requests"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_complaints")),
    )
    op.create_index(op.f("ix_cash_complaints_request_id"), "cash_complaints", ["request_id"], unique=False)
    op.create_table(
        "checkouts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_requests.id"], name=op.f("fk_checkouts_request_id_payment_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
        sa.UniqueConstraint("provider", "provider_id", name=op.f("uq_checkouts_provider_provider_id")),
    )
    op.create_index(op.f("ix_checkouts_request_id"), "checkouts", ["request_id"], unique=False)
    op.create_table(
        "inbox_outcomes",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["inbox.id"], name=op.f("fk_inbox_outcomes_event_id_inbox")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_inbox_outcomes")),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["asked_by"], ["people.id"], name=op.f("fk_refunds_asked_by_people")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_requests.id"], name=op.f("fk_refunds_request_id_payment_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
    )
    op.create_index(op.f("ix_refunds_request_id"), "refunds", ["request_id"], unique=False)
    op.create_table(
        "request_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_minor", sa.BigInteger(), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("covered_minor", sa.BigInteger(), nullable=False),
        sa.Column("covered_by", sa.Text(), nullable=True),
        sa.Column("tax_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(covered_minor > 0) = (covered_by IS NOT NULL)", name=op.f("ck_request_lines_covered_by")
        ),
        sa.CheckConstraint("covered_minor BETWEEN 0 AND gross_minor", name=op.f("ck_request_lines_covered")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_requests.id"], name=op.f("fk_request_lines_request_id_payment_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_lines")),
        sa.UniqueConstraint("charge_id", name=op.f("uq_request_lines_charge_id")),
    )
    op.create_index(op.f("ix_request_lines_request_id"), "request_lines", ["request_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sessions_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_sessions_token_sha256")),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=True),
        sa.Column("effective_at", INSTANT, nullable=False),
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("reverses", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_transactions_person_id_people")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_requests.id"], name=op.f("fk_transactions_request_id_payment_requests")
        ),
        sa.ForeignKeyConstraint(
            ["reverses"], ["transactions.id"], name=op.f("fk_transactions_reverses_transactions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        sa.UniqueConstraint("reverses", name=op.f("uq_transactions_reverses")),
        sa.UniqueConstraint("source", "source_key", name=op.f("uq_transactions_source_source_key")),
    )
    op.create_index(op.f("ix_transactions_request_id"), "transactions", ["request_id"], unique=False)
    op.create_table(
        "bank_statements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("statement_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opening_minor", sa.BigInteger(), nullable=True),
        sa.Column("closing_minor", sa.BigInteger(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["file_id"], ["bank_files.id"], name=op.f("fk_bank_statements_file_id_bank_files")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_statements")),
    )
    op.create_index(
        op.f("ix_bank_statements_iban_currency_sequence"),
        "bank_statements",
        ["iban", "currency", "sequence"],
        unique=False,
    )
    op.create_table(
        "entries",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_entries_amount")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_entries_account_id_accounts")),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transactions.id"],
            name=op.f("fk_entries_transaction_id_transactions"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("transaction_id", "account_id", name=op.f("pk_entries")),
    )
    op.create_index(op.f("ix_entries_account_id"), "entries", ["account_id"], unique=False)
    op.create_table(
        "refund_steps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_refund_steps_person_id_people")),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refunds.id"], name=op.f("fk_refund_steps_refund_id_refunds")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_steps")),
        sa.UniqueConstraint("refund_id", "state", name=op.f("uq_refund_steps_refund_id_state")),
    )
    op.create_table(
        "bank_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("iban", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("remittance", sa.Text(), nullable=False),
        sa.Column("counterparty", sa.Text(), nullable=True),
        sa.Column("counterparty_iban", sa.Text(), nullable=True),
        sa.Column("end_to_end_id", sa.Text(), nullable=True),
        sa.Column("returned", sa.Boolean(), nullable=False),
        sa.Column("proposed_request_id", sa.Uuid(), nullable=True),
        sa.Column("proposed_why", sa.Text(), nullable=True),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_bank_entries_amount")),
        sa.ForeignKeyConstraint(
            ["proposed_request_id"],
            ["payment_requests.id"],
            name=op.f("fk_bank_entries_proposed_request_id_payment_requests"),
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["bank_statements.id"],
            name=op.f("fk_bank_entries_statement_id_bank_statements"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_entries")),
        sa.UniqueConstraint("iban", "key", name=op.f("uq_bank_entries_iban_key")),
    )
    op.create_index(op.f("ix_bank_entries_statement_id"), "bank_entries", ["statement_id"], unique=False)
    on(
        "sqlite",
        "CREATE TRIGGER append_only_accounts_update BEFORE UPDATE ON accounts BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_accounts'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_accounts_delete BEFORE DELETE ON accounts BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_accounts'); END",
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
        "CREATE TRIGGER append_only_inbox_update BEFORE UPDATE ON inbox BEGIN SELECT "
        "RAISE(ABORT, 'constraint:append_only_inbox'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_inbox_delete BEFORE DELETE ON inbox BEGIN SELECT "
        "RAISE(ABORT, 'constraint:append_only_inbox'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_payment_requests_update BEFORE UPDATE ON "
        "payment_requests BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_payment_requests'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_payment_requests_delete BEFORE DELETE ON "
        "payment_requests BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_payment_requests'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_bank_files_update BEFORE UPDATE ON bank_files BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_bank_files'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_bank_files_delete BEFORE DELETE ON bank_files BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_bank_files'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_cash_complaints_update BEFORE UPDATE ON "
        "cash_complaints BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_cash_complaints'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_cash_complaints_delete BEFORE DELETE ON "
        "cash_complaints BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_cash_complaints'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_checkouts_update BEFORE UPDATE ON checkouts BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_checkouts'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_checkouts_delete BEFORE DELETE ON checkouts BEGIN "
        "SELECT RAISE(ABORT, 'constraint:append_only_checkouts'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_inbox_outcomes_update BEFORE UPDATE ON inbox_outcomes "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_inbox_outcomes'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_inbox_outcomes_delete BEFORE DELETE ON inbox_outcomes "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_inbox_outcomes'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_refunds_update BEFORE UPDATE ON refunds BEGIN SELECT "
        "RAISE(ABORT, 'constraint:append_only_refunds'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_refunds_delete BEFORE DELETE ON refunds BEGIN SELECT "
        "RAISE(ABORT, 'constraint:append_only_refunds'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_request_lines_update BEFORE UPDATE ON request_lines "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_request_lines'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_request_lines_delete BEFORE DELETE ON request_lines "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_request_lines'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_transactions_update BEFORE UPDATE ON transactions "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_transactions'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_transactions_delete BEFORE DELETE ON transactions "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_transactions'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_bank_statements_update BEFORE UPDATE ON "
        "bank_statements BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_bank_statements'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_bank_statements_delete BEFORE DELETE ON "
        "bank_statements BEGIN SELECT RAISE(ABORT, "
        "'constraint:append_only_bank_statements'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_entries_update BEFORE UPDATE ON entries BEGIN SELECT "
        "RAISE(ABORT, 'constraint:append_only_entries'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_entries_delete BEFORE DELETE ON entries BEGIN SELECT "
        "RAISE(ABORT, 'constraint:append_only_entries'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_refund_steps_update BEFORE UPDATE ON refund_steps "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_refund_steps'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_refund_steps_delete BEFORE DELETE ON refund_steps "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_refund_steps'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_bank_entries_update BEFORE UPDATE ON bank_entries "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_bank_entries'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER append_only_bank_entries_delete BEFORE DELETE ON bank_entries "
        "BEGIN SELECT RAISE(ABORT, 'constraint:append_only_bank_entries'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER transaction_balances BEFORE INSERT ON transactions WHEN NOT "
        "EXISTS (SELECT 1 FROM entries WHERE transaction_id = NEW.id) OR EXISTS (SELECT 1 "
        "FROM entries JOIN accounts ON accounts.id = entries.account_id WHERE "
        "entries.transaction_id = NEW.id GROUP BY accounts.currency HAVING "
        "sum(entries.amount) <> 0) BEGIN SELECT RAISE(ABORT, "
        "'constraint:transaction_balances'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER transaction_is_sealed BEFORE INSERT ON entries WHEN EXISTS "
        "(SELECT 1 FROM transactions WHERE id = NEW.transaction_id) BEGIN SELECT "
        "RAISE(ABORT, 'constraint:transaction_is_sealed'); END",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_accounts() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of accounts are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_accounts', TABLE = 'accounts'; END "
        "$$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_accounts BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "accounts FOR EACH STATEMENT EXECUTE FUNCTION append_only_accounts()",
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
        "CREATE FUNCTION append_only_inbox() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'rows of inbox are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_inbox', TABLE = 'inbox'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_inbox BEFORE UPDATE OR DELETE OR TRUNCATE ON inbox "
        "FOR EACH STATEMENT EXECUTE FUNCTION append_only_inbox()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_payment_requests() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'rows of payment_requests are never changed' USING "
        "ERRCODE = 'check_violation', CONSTRAINT = 'append_only_payment_requests', TABLE "
        "= 'payment_requests'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_payment_requests BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON payment_requests FOR EACH STATEMENT EXECUTE FUNCTION "
        "append_only_payment_requests()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_bank_files() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of bank_files are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_bank_files', TABLE = 'bank_files'; "
        "END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_bank_files BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "bank_files FOR EACH STATEMENT EXECUTE FUNCTION append_only_bank_files()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_cash_complaints() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'rows of cash_complaints are never changed' USING "
        "ERRCODE = 'check_violation', CONSTRAINT = 'append_only_cash_complaints', TABLE = "
        "'cash_complaints'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_cash_complaints BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON cash_complaints FOR EACH STATEMENT EXECUTE FUNCTION "
        "append_only_cash_complaints()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_checkouts() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of checkouts are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_checkouts', TABLE = 'checkouts'; "
        "END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_checkouts BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "checkouts FOR EACH STATEMENT EXECUTE FUNCTION append_only_checkouts()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_inbox_outcomes() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of inbox_outcomes are never changed' USING "
        "ERRCODE = 'check_violation', CONSTRAINT = 'append_only_inbox_outcomes', TABLE = "
        "'inbox_outcomes'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_inbox_outcomes BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "inbox_outcomes FOR EACH STATEMENT EXECUTE FUNCTION append_only_inbox_outcomes()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_refunds() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of refunds are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_refunds', TABLE = 'refunds'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_refunds BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "refunds FOR EACH STATEMENT EXECUTE FUNCTION append_only_refunds()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_request_lines() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of request_lines are never changed' USING ERRCODE "
        "= 'check_violation', CONSTRAINT = 'append_only_request_lines', TABLE = "
        "'request_lines'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_request_lines BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "request_lines FOR EACH STATEMENT EXECUTE FUNCTION append_only_request_lines()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_transactions() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of transactions are never changed' USING ERRCODE "
        "= 'check_violation', CONSTRAINT = 'append_only_transactions', TABLE = "
        "'transactions'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_transactions BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "transactions FOR EACH STATEMENT EXECUTE FUNCTION append_only_transactions()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_bank_statements() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'rows of bank_statements are never changed' USING "
        "ERRCODE = 'check_violation', CONSTRAINT = 'append_only_bank_statements', TABLE = "
        "'bank_statements'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_bank_statements BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON bank_statements FOR EACH STATEMENT EXECUTE FUNCTION "
        "append_only_bank_statements()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_entries() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'rows of entries are never changed' USING ERRCODE = "
        "'check_violation', CONSTRAINT = 'append_only_entries', TABLE = 'entries'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_entries BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "entries FOR EACH STATEMENT EXECUTE FUNCTION append_only_entries()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_refund_steps() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of refund_steps are never changed' USING ERRCODE "
        "= 'check_violation', CONSTRAINT = 'append_only_refund_steps', TABLE = "
        "'refund_steps'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_refund_steps BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "refund_steps FOR EACH STATEMENT EXECUTE FUNCTION append_only_refund_steps()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION append_only_bank_entries() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of bank_entries are never changed' USING ERRCODE "
        "= 'check_violation', CONSTRAINT = 'append_only_bank_entries', TABLE = "
        "'bank_entries'; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER append_only_bank_entries BEFORE UPDATE OR DELETE OR TRUNCATE ON "
        "bank_entries FOR EACH STATEMENT EXECUTE FUNCTION append_only_bank_entries()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION transaction_balances() RETURNS trigger LANGUAGE plpgsql SET "
        "search_path = payments, pg_temp AS $$ DECLARE checked uuid; BEGIN IF "
        "TG_TABLE_NAME = 'entries' THEN checked := NEW.transaction_id; ELSE checked := "
        "NEW.id; END IF; IF NOT EXISTS (SELECT 1 FROM entries e WHERE e.transaction_id = "
        "checked) OR EXISTS (SELECT 1 FROM entries e JOIN accounts a ON a.id = "
        "e.account_id WHERE e.transaction_id = checked GROUP BY a.currency HAVING "
        "sum(e.amount) <> 0) THEN RAISE EXCEPTION 'transaction % does not sum to zero', "
        "checked USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_balances', "
        "TABLE = 'entries'; END IF; RETURN NULL; END $$",
    )
    on(
        "postgresql",
        "CREATE CONSTRAINT TRIGGER transaction_balances_entries AFTER INSERT ON entries "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "transaction_balances()",
    )
    on(
        "postgresql",
        "CREATE CONSTRAINT TRIGGER transaction_balances_transactions AFTER INSERT ON "
        "transactions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "transaction_balances()",
    )
