"""A message that was settled unsent, retried and given up again is a matter again."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAME = "append_only_settled_matters"


def on(engine: str, statement: str) -> None:
    """Run a statement, as it is, on one engine only."""
    connection = op.get_bind()
    if connection.dialect.name == engine:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    on("postgresql", f"DROP TRIGGER {NAME} ON settled_matters")
    for verb in ("update", "delete"):
        on("sqlite", f"DROP TRIGGER {NAME}_{verb}")
    op.add_column("settled_matters", sa.Column("subject_revision", sa.BigInteger(), nullable=True))
    op.execute(  # what is settled stays so: until now nothing came up again
        "UPDATE settled_matters SET subject_revision = coalesce((SELECT revision FROM outbox_messages "
        "WHERE outbox_messages.id = subject_id), 0)"
    )
    with op.batch_alter_table("settled_matters") as matters:
        matters.alter_column("subject_revision", existing_type=sa.BigInteger(), nullable=False)
        matters.drop_constraint(op.f("uq_settled_matters_kind_subject_id"), type_="unique")
        matters.create_unique_constraint(
            op.f("uq_settled_matters_kind_subject_id_subject_revision"),
            ["kind", "subject_id", "subject_revision"],
        )
    for verb in ("UPDATE", "DELETE"):  # SQLite rebuilt the table, without its triggers
        on(
            "sqlite",
            f"CREATE TRIGGER {NAME}_{verb.lower()} BEFORE {verb} ON settled_matters "
            f"BEGIN SELECT RAISE(ABORT, 'constraint:{NAME}'); END",
        )
    on(
        "postgresql",
        f"CREATE TRIGGER {NAME} BEFORE UPDATE OR DELETE OR TRUNCATE ON settled_matters "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {NAME}()",
    )
