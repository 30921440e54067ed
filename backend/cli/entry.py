"""What every subcommand shares: the group, its settings, the wiring, and how it refuses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn

import click
from sqlalchemy.exc import DatabaseError, OperationalError

from backend.app import Wiring, database_of, wire
from backend.db.damage import WHAT_TO_DO, DamagedDatabase, UnreadableDatabase
from backend.db.engine import UnsafeDatabase
from backend.db.faults import is_damage
from backend.db.sqlite_lock import DatabaseHeldElsewhere
from backend.db.upgrade import pending, upgrade
from backend.settings import Settings, SettingsError, read_settings
from schemas.errors import DomainError

REFUSED = 2
"""Exit code of a command that could not be taken up at all."""
UNUSABLE = (UnsafeDatabase, DatabaseHeldElsewhere, DamagedDatabase, UnreadableDatabase)


def refuse(message: str) -> NoReturn:
    click.echo(f"doorstep: {message}", err=True)
    sys.exit(REFUSED)


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--database` and `--data`, and pass the resulting settings as its first argument."""

    @click.option("--database", metavar="URL", help="sqlite:///FILE or postgresql://…  [DOORSTEP_DATABASE]")
    @click.option("--data", metavar="DIR", help="Folder for media, mail and the secret.  [DOORSTEP_DATA]")
    @wraps(command)
    def with_them(database: str | None, data: str | None, **options: Any) -> Any:
        with refusals():
            return command(read_settings(database=database, data=data), **options)

    return with_them


@contextmanager
def refusals() -> Iterator[None]:
    """Say in a line what keeps a command from being taken up, instead of showing where in the program."""
    try:
        yield
    except (SettingsError, *UNUSABLE, DomainError, ValueError) as error:
        refuse(str(error))
    except DatabaseError as error:
        if is_damage(error):
            refuse(f"The database is damaged ({error.orig}). {WHAT_TO_DO}")
        if not isinstance(error, OperationalError):
            raise
        refuse(f"The database cannot be used: {str(error.orig).strip().splitlines()[0]}")


def opened(settings: Settings) -> Wiring:
    """The wiring on a database that is up to date; SQLite is brought there, PostgreSQL must be."""
    if settings.database_url.startswith("sqlite"):
        upgrade(settings.database_url)
    elif pending(settings.database_url):
        refuse("The database is older than this program. Run: doorstep db upgrade")
    return wire(database_of(settings), settings)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="doorstep")
def main() -> None:
    """Doorstep: field service for firms that send people to a customer's door."""
