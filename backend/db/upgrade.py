"""Makes and upgrades the tables of Doorstep."""

from collections.abc import Sequence

from sqlalchemy import Engine, MetaData

from backend.db.base import Base

POSTGRESQL_SCHEMA = "field"


def create_all(engine: Engine, metadatas: Sequence[MetaData] = (Base.metadata,)) -> None:
    """Make all tables in an empty database straight from the models, in one transaction."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {POSTGRESQL_SCHEMA}")
            for extension in ("postgis", "btree_gist"):
                connection.exec_driver_sql(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public")
        for metadata in metadatas:
            metadata.create_all(connection)
