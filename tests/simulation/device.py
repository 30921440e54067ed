"""A real reference phone that can lose its network, its power, its clock and its memory."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from mobile_client_stub import journal
from mobile_client_stub.device_key import new_key
from mobile_client_stub.phone import Phone
from mobile_client_stub.store import Store, dumped
from mobile_client_stub.words import PhoneError
from tests.simulation.chance import Mint, Time


class DeviceDied(BaseException):
    """The battery is out, or the system ended the app: nothing of it runs on."""


class Fate:
    """When a device dies: counted in moments, which are requests, replies and local transactions."""

    def __init__(self) -> None:
        self._moments: int | None = None

    def die_in(self, moments: int) -> None:
        """Die at the n-th moment from now."""
        self._moments = moments

    def live(self) -> None:
        """Whatever was planned: not now."""
        self._moments = None

    def pass_moment(self) -> None:
        """One moment is over; raises DeviceDied when it was the last."""
        if self._moments is None:
            return
        self._moments -= 1
        if self._moments <= 0:
            self._moments = None
            raise DeviceDied


class MortalStore(Store):
    """A phone's disk: it keeps what was committed, however the phone ended."""

    def __init__(self, folder: Path, mint: Mint, fate: Fate) -> None:
        super().__init__(folder, lambda: str(mint()))
        self._fate = fate
        # Only the app dies here, never the system below it.
        self.connection.execute("PRAGMA synchronous = OFF")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """As the real one; the phone may die just before or just after the commit."""
        with super().transaction() as connection:
            yield connection
            self._fate.pass_moment()
        self._fate.pass_moment()


class Device:
    """One phone in somebody's hands. `user` is the technician's id; `app` the release of the app, from 1."""

    def __init__(
        self,
        name: str,
        user: str,
        home: Path,
        time: Time,
        dice: random.Random,
        connect: Callable[[Device], httpx.BaseTransport],
        *,
        app: int = 1,
    ) -> None:
        self.name = name
        self.user = user
        self.home = home
        self.app = app
        self.dice = dice
        self.fate = Fate()
        self.journal_read = 0
        self.busy = False
        self.last_trouble = ""
        self._time = time
        self._mint = Mint(time, dice)
        self._transport = connect(self)
        self.phone = self._boot()

    @property
    def clock_is_off_by(self) -> timedelta:
        """How far the clock is ahead."""
        return self._mint.offset

    def set_clock(self, offset: timedelta) -> None:
        """Somebody changed the time, or the clock's battery did."""
        self._mint.offset = offset

    @property
    def connection(self) -> sqlite3.Connection:
        """The phone's database."""
        return self.phone.store.connection

    @property
    def is_enrolled(self) -> bool:
        """Whether it holds anybody's data: neither new nor wiped."""
        return self.phone._store is not None and self.phone.store.account() is not None

    @property
    def needs_code(self) -> bool:
        """Whether only the office can bring it back."""
        return not self.is_enrolled or self.phone.account.signed_out is not None

    def act(self, work: Callable[[Phone], object]) -> str:
        """Let the user or the app do something; returns how it ended, in a word."""
        self.busy, before = True, journal.MUTATION_SCHEMA
        journal.MUTATION_SCHEMA = self.app
        try:
            work(self.phone)
        except PhoneError as trouble:
            self.last_trouble = str(trouble)
            return type(trouble).__name__
        except DeviceDied:
            self.reboot()
            return "died"
        finally:
            self.busy, journal.MUTATION_SCHEMA = False, before
            self.fate.live()
        self.last_trouble = ""
        return "done"

    def reboot(self) -> None:
        """The app starts again on what its disk has."""
        self.phone.close()
        self.phone = self._boot()

    def close(self) -> None:
        """Switch it off."""
        self.phone.close()

    def copy_to(self, home: Path) -> None:
        """Clone the phone's folder, as a backup program does that should not."""
        self.phone.close()
        shutil.copytree(self.home, home)
        self.phone = self._boot()

    def tamper(self, mutation_id: str, fields: dict[str, object]) -> None:
        """Alter a mutation on the phone's disk, as only a faulty app can."""
        with self.phone.store.transaction() as connection:
            connection.execute("DROP TRIGGER a_mutation_is_never_altered")
            connection.execute(
                "UPDATE mutations SET fields = ? WHERE mutation_id = ?", (dumped(fields), mutation_id)
            )
        self.reboot()  # brings the trigger back

    def _boot(self) -> Phone:
        return Phone(
            self.home,
            transport=self._transport,
            clock=self._now,
            sleep=self._sleep,
            dice=self.dice,
            open_store=lambda folder: MortalStore(folder, self._mint, self.fate),
            make_key=lambda: new_key(self.dice.getrandbits(255)),
        )

    def _now(self) -> datetime:
        return self._time.now + self._mint.offset

    def _sleep(self, seconds: float) -> None:
        self._time.advance(seconds=seconds)
