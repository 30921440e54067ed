"""How a command speaks: to people in words and tables, to programs in JSON, and never in a traceback."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import TypeAlias

import click
import httpx

from mobile_client_stub import screens
from mobile_client_stub.phone import Phone
from mobile_client_stub.words import PhoneError, short

Network: TypeAlias = Callable[..., httpx.BaseTransport | None]
"""Makes a transport as bad as the command line says; `which`: of several."""


class Here:
    """The phone of this command, and how its answers are printed."""

    def __init__(self, phone: Phone, as_json: bool, network: Network) -> None:
        """`as_json` for programs, otherwise tables for people; `network` makes one like the phone's."""
        self.phone = phone
        self.as_json = as_json
        self.network = network

    def show(self, value: object, screen: Callable[[], object]) -> None:
        """Print the value as JSON, or its screen."""
        if self.as_json:
            click.echo(json.dumps(value, default=_plain, ensure_ascii=False))
        else:
            screens.console().print(screen())

    def did(self, what: str, record: str) -> None:
        """Confirm one thing that is in the journal now."""
        waiting = self.phone.outbox().unsent
        self.show(
            {"done": what, "record": record, "unsent": waiting},
            lambda: f"{what} [dim]({short(record)}; {waiting} to send)[/dim]",
        )


class PhoneGroup(click.Group):
    """Says what a PhoneError says, and nothing of where it came from."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """`--json` may stand anywhere: who adds it to a long command adds it at the end."""
        if "--json" in args:
            args = ["--json", *(word for word in args if word != "--json")]
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> object:
        """Run the command; exit code 1 with the reason on stderr when it could not be done."""
        try:
            return super().invoke(context)
        except PhoneError as error:
            if context.params.get("as_json"):
                click.echo(json.dumps({"error": str(error)}, ensure_ascii=False))
            else:
                click.echo(str(error), err=True)
            sys.exit(1)


pass_here = click.make_pass_decorator(Here)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
