"""Alembic's entry: runs migrations on the connection and in the transaction handed over to it."""

from alembic import context

from backend.db.revisions import comparison_options

attributes = context.config.attributes

context.configure(
    connection=attributes["connection"],
    target_metadata=attributes.get("metadatas"),
    transactional_ddl=True,
    **comparison_options(rebuilds_tables=bool(attributes.get("rebuilds_tables"))),
)

with context.begin_transaction():
    context.run_migrations()
