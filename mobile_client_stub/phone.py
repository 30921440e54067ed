"""The phone: what its user sees, does and sends.

All of it works without a network, except `enrol`, `sync` and `wait`.
"""

import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import httpx

from mobile_client_stub import journal, media_queue, records
from mobile_client_stub.background import Uploader
from mobile_client_stub.device_key import new_key, public_half
from mobile_client_stub.exchange import Exchanged, exchange
from mobile_client_stub.overlay import overlaid, types_shown_in
from mobile_client_stub.store import Account, Store, folder_of
from mobile_client_stub.transport import TIMEOUT, Refused, Server, SignedOut, certificates, enrol
from mobile_client_stub.uploads import Uploaded, upload_waiting
from mobile_client_stub.waiting import is_worth_a_sync
from mobile_client_stub.words import Body, Clock, PhoneError, one_that_matches, text_of, utc_now, written
from mobile_client_stub.work import FieldWork

_CURRENT = "current"
GONE = 410


@dataclass(frozen=True)
class Unfinished:
    """One mutation that is not simply done, and why."""

    mutation: journal.Mutation
    state: str
    why: str


@dataclass(frozen=True)
class Outbox:
    """What has not reached the server, or did not go through there."""

    mutations: list[Unfinished]
    media: list[media_queue.Medium]
    unsent: int
    last_contact: str | None
    last_trouble: str | None
    signed_out: str | None
    clock_ahead: float | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing waits: neither a mutation nor a file nor an answer."""
        return not self.mutations and not self.media


@dataclass
class SyncReport:
    """What one sync did."""

    exchanged: Exchanged
    uploaded: Uploaded = field(default_factory=Uploaded)
    files_deleted: int = 0
    wiped: bool = False


class Phone(FieldWork):
    """A phone that lives in the folder `home`."""

    def __init__(
        self,
        home: Path,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        dice: random.Random | None = None,
        open_store: Callable[[Path], Store] = Store,
        make_key: Callable[[], str] = new_key,
    ) -> None:
        """`transport` may be a `FaultyTransport`; `sleep` and `dice` decide how retries are spread.

        `open_store` opens the folder of one user: a place to give the phone another disk or other ids.
        `make_key` makes the key of a newly enrolled phone.
        """
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home = home
        self.clock = clock
        self._sleep = sleep
        self._dice = dice
        self._transport = transport
        self._open_store = open_store
        self._make_key = make_key
        self._client: httpx.Client | None = None  # made when first needed: reading certificates takes time
        self._store: Store | None = None
        self._uploader: Uploader | None = None
        current = home / _CURRENT
        if current.exists():
            self._store = open_store(home / current.read_text().strip())

    def __enter__(self) -> "Phone":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and the network."""
        self.stop_uploads()
        if self._client is not None:
            self._client.close()
        if self._store is not None:
            self._store.close()

    @property
    def store(self) -> Store:
        """The database of whoever uses the phone; PhoneError before enrolment."""
        if self._store is None:
            raise PhoneError(
                "This phone is not enrolled. Ask the office for a code and run `enrol CODE --server URL`."
            )
        return self._store

    @property
    def account(self) -> Account:
        """Who uses the phone; PhoneError before enrolment and after a wipe."""
        account = self.store.account()
        if account is None:
            raise PhoneError(
                "This phone was wiped. Ask the office for a code and run `enrol CODE --server URL`."
            )
        return account

    def enrol(self, server: str, code: str, *, name: str = "phone", platform: str = "reference") -> Account:
        """Make this phone a device of the person the code was given to.

        What another user did here stays theirs.
        """
        server = server.rstrip("/")
        if urlsplit(server).scheme not in {"http", "https"} or not urlsplit(server).hostname:
            raise PhoneError(f"{server!r} is no address of a server. It looks like https://field.example.")
        device_key = self._make_key()
        device: Body = {"code": code.strip(), "device_name": name, "platform": platform}
        enrolled = enrol(self._network(), server, device | {"public_key": public_half(device_key)})
        self.stop_uploads()  # they are of whoever used the phone until now
        if self._store is not None:
            self._store.close()
        folder = folder_of(self.home, server, text_of(enrolled, "user_id"))
        self._store = self._open_store(folder)
        with self._store.transaction() as connection:
            if self._store.save_account(connection, server, enrolled, device_key):
                # another device to the server: its numbers start at 1
                journal.start_new_journal(connection, self._store.mint_id)
                records.start_again(connection)
        part = self.home / f"{_CURRENT}.part"
        part.write_text(str(folder.relative_to(self.home)))
        part.replace(self.home / _CURRENT)
        return self.account

    def sync(self) -> SyncReport:
        """Everything up, everything down, files, receipts.

        Raises PhoneError; whatever happens, nothing is lost.
        """
        store, _ = self.store, self.account
        server = Server(store, self._network(), sleep=self._sleep, dice=self._dice)
        with store.one_sync_at_a_time():
            try:
                report = self._up_and_down(server)
            except PhoneError as error:
                self._note_trouble(str(error))
                if not isinstance(error, Refused | SignedOut) or not self._wipe_if_due():
                    raise
                return SyncReport(Exchanged(), wiped=True)
            report.files_deleted = media_queue.delete_stored(store, self.clock())
            if report.exchanged.server_now is not None:
                with store.transaction() as connection:
                    journal.forget_old(connection, report.exchanged.server_now)
            report.wiped = report.uploaded.trouble is None and self._wipe_if_due()
            return report

    def upload_in_background(self, transport: httpx.BaseTransport | None = None) -> Uploader:
        """Send files in a thread from now on, until `stop_uploads`, `close` or another enrolment.

        `sync` leaves them to it and does not wait; the receipts come with the sync after. `transport` must be
        one of the thread's own.
        """
        if self._uploader is None or not self._uploader.is_alive:
            folder = self.store.folder
            self._uploader = Uploader(lambda: self._open_store(folder), self.clock, transport=transport)
            self._uploader.start()
        return self._uploader

    def stop_uploads(self) -> None:
        """End what `upload_in_background` began; what has not gone goes next time."""
        if self._uploader is not None:
            self._uploader.stop()
            self._uploader = None

    def wait(self, seconds: int) -> SyncReport | None:
        """Wait for news for about so many seconds at most, and sync when there may be some; None: nothing.

        Raises as `sync` does.
        """
        store, _ = self.store, self.account
        server = Server(store, self._network(), sleep=self._sleep, dice=self._dice)
        return self.sync() if is_worth_a_sync(store, server, seconds, self._sleep) else None

    def _up_and_down(self, server: Server) -> SyncReport:
        gone: Refused | None = None
        report = SyncReport(Exchanged())
        try:
            report.exchanged = self._exchange(server)
        except Refused as refusal:
            if refusal.status != GONE:
                raise
            gone = refusal  # nothing is wanted of the journal any more, but files of it may still be missing
        if self._uploader is None or not self._uploader.is_alive:
            with self.store.sending_files() as alone:
                if alone:
                    report.uploaded = upload_waiting(self.store, server, self.clock)
        else:
            self._uploader.wake()  # files were registered: they go beside whatever comes next
        if gone is not None:
            raise gone
        if report.uploaded.sent and not self.account.wipe_due:
            self._exchange(server)
        return report

    def view(self, collection: str) -> dict[str, Body]:
        """A collection as the user should see it: the server's records with their own work laid over."""
        connection = self._unlocked()
        unsettled = journal.unsettled(connection, types_shown_in(collection))
        return overlaid(records.read_all(connection, collection), unsettled)

    def record(self, collection: str, typed: str, noun: str) -> Body:
        """See `FieldWork.record`."""
        connection = self._unlocked()
        # A whole id needs no look at all the others: a long day's journal must not slow down every tap.
        unsettled = journal.unsettled(connection, types_shown_in(collection), typed)
        if whole := overlaid(records.read_one(connection, collection, typed), unsettled):
            return whole[typed]
        seen = self.view(collection)
        return seen[one_that_matches(typed, seen, noun)]

    def record_of_visit(self, collection: str, visit: str, noun: str) -> Body:
        """See `FieldWork.record_of_visit`."""
        visit_id = text_of(self.record("visits", visit, "visit"), "id")
        found = [body for body in self.view(collection).values() if body.get("visit_id") == visit_id]
        if len(found) != 1:
            raise PhoneError(
                f"This visit has no {noun} on this phone yet. Run `sync`; it comes when it is dispatched."
            )
        return found[0]

    def records_of_visit(self, collection: str, visit_id: str) -> list[Body]:
        """All records of a collection that belong to a visit (whole id)."""
        return [body for body in self.view(collection).values() if body.get("visit_id") == visit_id]

    def visits(self) -> list[Body]:
        """The visits on this phone, in the order they are planned."""
        return sorted(
            self.view("visits").values(), key=lambda visit: text_of(visit, "scheduled_start") or "~"
        )

    def inbox(self) -> list[Body]:
        """What people have to look at, or looked at lately, oldest first."""
        return sorted(self.view("field_inbox").values(), key=lambda entry: text_of(entry, "created_at"))

    def whole_journal(self) -> list[Body]:
        """Every mutation still kept, as it was sent, with the outcome this phone knows; oldest first."""
        return [
            {"message": one.message(), "outcome": one.outcome}
            for one in journal.everything(self.store.connection)
        ]

    def outbox(self) -> Outbox:
        """What has not reached the server and why, what did not go through there, and files on their way."""
        signed_out, connection = self.account.signed_out, self.store.connection
        progress = journal.progress(connection)
        unsent = {mutation.mutation_id for mutation in journal.unacknowledged(connection)}
        settled = {
            text_of(entry, "mutation_id")
            for entry in records.read_all(connection, "field_inbox").values()
            if entry.get("settled_at")
        }
        unfinished = [
            found
            for mutation in journal.everything(connection)
            if mutation.mutation_id not in settled or mutation.mutation_id in unsent
            if (
                found := _unfinished(
                    mutation, mutation.mutation_id in unsent, signed_out, progress.last_trouble
                )
            )
        ]
        waiting = [medium for medium in media_queue.all_media(connection) if medium.stored_at is None]
        return Outbox(
            unfinished,
            waiting,
            len(unsent),
            progress.last_contact,
            progress.last_trouble,
            signed_out,
            progress.clock_ahead,
        )

    def files_to_send(self) -> list[media_queue.Medium]:
        """The files that the server is ready for and has not got."""
        return [medium for medium in media_queue.all_media(self.store.connection) if medium.may_go]

    def media_of_visit(self, visit_id: str) -> tuple[int, int]:
        """How many files of a visit the server has stored, and how many there are: "3 of 5"."""
        seen = {
            text_of(body, "id"): text_of(body, "state") for body in self.records_of_visit("media", visit_id)
        }
        for medium in media_queue.all_media(self.store.connection):
            if medium.visit_id == visit_id:
                seen[medium.id] = "stored" if medium.stored_at else seen.get(medium.id, "expected")
        return list(seen.values()).count("stored"), len(seen)

    def _unlocked(self) -> sqlite3.Connection:
        if self.account.locked:
            raise PhoneError("The office has locked this phone. Your work is kept and still sent by `sync`.")
        return self.store.connection

    def _network(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(transport=self._transport, timeout=TIMEOUT, verify=certificates())
        return self._client

    def _exchange(self, server: Server) -> Exchanged:
        try:
            return exchange(self.store, server, self.clock)
        except (ValueError, KeyError, sqlite3.IntegrityError) as error:
            raise PhoneError(
                f"The server's answer makes no sense to this phone ({error}). Update the phone."
            ) from error

    def _note_trouble(self, trouble: str) -> None:
        with self.store.transaction() as connection:
            connection.execute(
                "UPDATE progress SET last_trouble = ?", (f"{written(self.clock())} {trouble}",)
            )

    def _wipe_if_due(self) -> bool:
        """Remove everything from the phone when the office asked for it, and the journal and all files are
        in."""
        account, connection = self.store.account(), self.store.connection
        if account is None or not account.wipe_due or journal.unacknowledged_count(connection):
            return False
        if any(medium.is_needed_here for medium in media_queue.all_media(connection)):
            return False
        self.store.erase()
        return True


def _unfinished(
    mutation: journal.Mutation, unsent: bool, signed_out: str | None, trouble: str | None
) -> Unfinished | None:
    if unsent:
        return Unfinished(mutation, "waiting", signed_out or trouble or "not synchronised since it was done")
    if mutation.outcome in {"applied", "merged", None}:
        return None
    problem = mutation.problem or {}
    why = text_of(problem, "detail") or text_of(problem, "title") or "the office will look at it"
    return Unfinished(mutation, str(mutation.outcome), why)
