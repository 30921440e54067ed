"""Reports that the office has issued without files that were lost."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
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
        "report_releases",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_by", sa.Uuid(), nullable=False),
        sa.Column("released_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["released_by"], ["users.id"], name=op.f("fk_report_releases_released_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["service_reports.id"], name=op.f("fk_report_releases_report_id_service_reports")
        ),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_report_releases")),
    )
    _append_only("report_releases")


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
