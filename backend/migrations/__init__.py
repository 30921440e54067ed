"""The history of the tables, as Alembic scripts that run on both engines."""
