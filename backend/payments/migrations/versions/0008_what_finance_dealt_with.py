"""What finance dealt with that nothing else ends: complaints, messages refused or unsent."""

import sqlalchemy as sa
from alembic import op

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
        "settled_matters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_settled_matters_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settled_matters")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_settled_matters_kind_subject_id")),
    )
    name = "append_only_settled_matters"
    for verb in ("UPDATE", "DELETE"):
        on(
            "sqlite",
            f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON settled_matters "
            f"BEGIN SELECT RAISE(ABORT, 'constraint:{name}'); END",
        )
    on(
        "postgresql",
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION 'rows of settled_matters are never changed' "
        f"USING ERRCODE = 'check_violation', CONSTRAINT = '{name}', TABLE = 'settled_matters'; END $$",
    )
    on(
        "postgresql",
        f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE OR TRUNCATE ON settled_matters "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    )
