"""A line keeps what the catalogue asked when it was billed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAME = "append_only_request_lines"


def on(engine: str, statement: str) -> None:
    """Run a statement, as it is, on one engine only."""
    connection = op.get_bind()
    if connection.dialect.name == engine:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    with op.batch_alter_table("request_lines") as lines:
        lines.add_column(sa.Column("list_minor", sa.BigInteger(), nullable=True))
        lines.add_column(sa.Column("list_currency", sa.String(length=3), nullable=True))
        lines.create_check_constraint(
            op.f("ck_request_lines_list_price_whole"), "(list_minor IS NULL) = (list_currency IS NULL)"
        )
    for verb in ("UPDATE", "DELETE"):  # SQLite rebuilt the table, and its triggers are gone
        on(
            "sqlite",
            f"CREATE TRIGGER {NAME}_{verb.lower()} BEFORE {verb} ON request_lines "
            f"BEGIN SELECT RAISE(ABORT, 'constraint:{NAME}'); END",
        )
