"""Every case has its callback, also a work order that no request opened: touches are counted by case."""

import sqlalchemy as sa
from alembic import op
from uuid_utils.compat import uuid7

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")

# What a rebuilt table loses on SQLite, and what names the column that goes.
OLD_TRIGGERS = {
    "sqlite": (
        "DROP TRIGGER ck_callbacks_independent_insert",
        "DROP TRIGGER ck_callbacks_independent_update",
        "DROP TRIGGER callbacks_released",
    ),
    "postgresql": (
        "DROP TRIGGER ck_callbacks_independent ON callbacks",
        "DROP FUNCTION ck_callbacks_independent()",
        "DROP TRIGGER callbacks_released ON case_touches",
        "DROP FUNCTION callbacks_released()",
    ),
}
# Work orders without a request kept no touches until now; their visits' events tell who had them in hand.
HANDS_SO_FAR = """
    SELECT DISTINCT work_orders.id AS case_id, visit_events.actor_id AS user_id,
           CASE visit_events.actor_role WHEN 'technician' THEN 'visit' ELSE 'dispatch' END AS how
    FROM visit_events
    JOIN visits ON visits.id = visit_events.visit_id
    JOIN work_orders ON work_orders.id = visits.work_order_id
    JOIN users ON users.id = visit_events.actor_id
    WHERE work_orders.request_id IS NULL AND visit_events.actor_role NOT IN ('customer', 'system')
    UNION
    SELECT DISTINCT work_orders.id, visit_notes.author_id,
           CASE users.role WHEN 'technician' THEN 'visit' ELSE 'dispatch' END
    FROM visit_notes
    JOIN visits ON visits.id = visit_notes.visit_id
    JOIN work_orders ON work_orders.id = visits.work_order_id
    JOIN users ON users.id = visit_notes.author_id
    WHERE work_orders.request_id IS NULL AND users.role <> 'system'
"""


def on(engine: str, statement: str) -> None:
    """Run a statement, as it is, on one engine only."""
    connection = op.get_bind()
    if connection.dialect.name == engine:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def upgrade() -> None:
    """Everything in the one transaction that `backend.db.upgrade` holds."""
    for engine, statements in OLD_TRIGGERS.items():
        for statement in statements:
            on(engine, statement)
    _count_touches_by_case()
    _let_callbacks_go_without_request()
    _remember_hands_so_far()
    _make_triggers()


def _count_touches_by_case() -> None:
    op.add_column("case_touches", sa.Column("case_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE case_touches SET case_id = request_id")
    with op.batch_alter_table("case_touches") as touches:
        touches.alter_column("case_id", existing_type=sa.Uuid(), nullable=False)
        touches.drop_constraint("uq_case_touches_once", type_="unique")
        touches.drop_constraint("fk_case_touches_request_id_service_requests", type_="foreignkey")
        touches.drop_column("request_id")
        touches.create_unique_constraint("uq_case_touches_once", ["case_id", "user_id", "how"])


def _let_callbacks_go_without_request() -> None:
    op.drop_index(op.f("ix_callbacks_request_id"), "callbacks")
    op.add_column("callbacks", sa.Column("case_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE callbacks SET case_id = request_id")
    with op.batch_alter_table("callbacks") as callbacks:
        callbacks.alter_column("case_id", existing_type=sa.Uuid(), nullable=False)
        callbacks.alter_column("request_id", existing_type=sa.Uuid(), nullable=True)
        callbacks.create_check_constraint(
            op.f("ck_callbacks_case_of_request"), "request_id IS NULL OR request_id = case_id"
        )
    op.create_index(op.f("ix_callbacks_case_id"), "callbacks", ["case_id"], unique=False)


def _remember_hands_so_far() -> None:
    connection = op.get_bind()
    touches = sa.table(
        "case_touches",
        sa.column("id", sa.Uuid()),
        sa.column("revision", sa.BigInteger()),
        sa.column("created_at", INSTANT),
        sa.column("case_id", sa.Uuid()),
        sa.column("user_id", sa.Uuid()),
        sa.column("how", sa.String()),
    )
    hands = sa.text(HANDS_SO_FAR).columns(case_id=sa.Uuid(), user_id=sa.Uuid(), how=sa.String())
    newest = sa.text("SELECT max(created_at) AS at FROM visit_events").columns(at=INSTANT)
    same = {"revision": 1, "created_at": connection.execute(newest).scalar()}
    rows = [{"id": uuid7(), **same, **row} for row in connection.execute(hands).mappings()]
    if rows:
        connection.execute(touches.insert(), rows)


def _make_triggers() -> None:
    on(
        "sqlite",
        "CREATE TRIGGER ck_callbacks_independent_insert BEFORE INSERT ON callbacks WHEN "
        "NEW.assignee_id IS NOT NULL AND EXISTS (SELECT 1 FROM case_touches WHERE "
        "case_id = NEW.case_id AND user_id = NEW.assignee_id) BEGIN SELECT "
        "RAISE(ABORT, 'constraint:ck_callbacks_independent'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER ck_callbacks_independent_update BEFORE UPDATE OF assignee_id, "
        "case_id ON callbacks WHEN NEW.assignee_id IS NOT NULL AND EXISTS (SELECT 1 "
        "FROM case_touches WHERE case_id = NEW.case_id AND user_id = "
        "NEW.assignee_id) BEGIN SELECT RAISE(ABORT, "
        "'constraint:ck_callbacks_independent'); END",
    )
    on(
        "sqlite",
        "CREATE TRIGGER callbacks_released AFTER INSERT ON case_touches BEGIN UPDATE "
        "callbacks SET status = 'due', assignee_id = NULL, revision = revision + 1 WHERE "
        "case_id = NEW.case_id AND assignee_id = NEW.user_id AND status = "
        "'assigned'; END",
    )
    on(
        "postgresql",
        "CREATE FUNCTION ck_callbacks_independent() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('callbacks:' || "
        "NEW.case_id::text, 0)); IF EXISTS (SELECT 1 FROM case_touches WHERE "
        "case_id = NEW.case_id AND user_id = NEW.assignee_id) THEN RAISE "
        "EXCEPTION 'the assignee touched the case' USING ERRCODE = 'check_violation', "
        "CONSTRAINT = 'ck_callbacks_independent', TABLE = 'callbacks'; END IF; RETURN "
        "NEW; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER ck_callbacks_independent BEFORE INSERT OR UPDATE OF assignee_id, "
        "case_id ON callbacks FOR EACH ROW WHEN (NEW.assignee_id IS NOT NULL) EXECUTE "
        "FUNCTION ck_callbacks_independent()",
    )
    on(
        "postgresql",
        "CREATE FUNCTION callbacks_released() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('callbacks:' || "
        "NEW.case_id::text, 0)); UPDATE callbacks SET status = 'due', assignee_id = "
        "NULL, revision = revision + 1 WHERE case_id = NEW.case_id AND assignee_id "
        "= NEW.user_id AND status = 'assigned'; RETURN NULL; END $$",
    )
    on(
        "postgresql",
        "CREATE TRIGGER callbacks_released AFTER INSERT ON case_touches FOR EACH ROW "
        "EXECUTE FUNCTION callbacks_released()",
    )
