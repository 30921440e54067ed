"""A strict server that speaks the protocol over real HTTP and remembers every sin of a phone."""

import base64
import copy
import gzip
import hashlib
import json
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

VISIT = "01890000-0000-7000-8000-0000000000a1"
ITEM = "01890000-0000-7000-8000-0000000000b1"
STEP = "01890000-0000-7000-8000-0000000000c1"
REPORT = "01890000-0000-7000-8000-0000000000d1"
CARD = "01890000-0000-7000-8000-0000000000e1"
USER = "01890000-0000-7000-8000-0000000000f1"

CREATED = {
    "visit_note.add": "visit_notes",
    "part_usage.record": "part_usages",
    "removed_part.record": "removed_parts",
    "report_charge.add": "report_charges",
    "media.register": "media",
}
EDITED = {
    "checklist_item.tick": "checklist_items",
    "conduct_step.answer": "conduct_steps",
    "service_report.write": "service_reports",
    "feedback_card.fill": "feedback_cards",
    "conduct_step.waive": "conduct_steps",
    "removed_part.settle": "removed_parts",
    "report_charge.withdraw": "report_charges",
}
STATUSES = {
    "visit.accept": "accepted",
    "visit.depart": "en_route",
    "visit.arrive": "on_site",
    "visit.start": "in_progress",
}


@dataclass
class State:
    """All that a backup would hold."""

    epoch: str = field(default_factory=lambda: str(uuid.uuid4()))
    records: dict = field(default_factory=dict)  # (collection, id) -> body
    feed: dict = field(default_factory=dict)  # (collection, id) -> (position, "put" | "remove")
    head: int = 0
    expected: dict = field(default_factory=dict)  # journal -> number
    places: dict = field(default_factory=dict)  # (journal, number) -> mutation id
    outcomes: dict = field(default_factory=dict)  # mutation id -> outcome
    applied: Counter = field(default_factory=Counter)


class FakeServer:
    """The rules of the protocol, and what is known of how the phone kept them."""

    def __init__(self) -> None:
        self.state = State()
        self.sins: list[str] = []
        self.contents: dict[str, dict] = {}  # mutation id -> first content, across restores
        self.order: list[str] = []
        self.refused_types: dict[str, dict] = {}  # mutation type -> outcome
        self.directives: list[str] = []
        self.has_reconcile = True
        self.spoil_digest = 0
        self.failures: list[tuple[int, dict]] = []  # statuses and headers to answer before doing anything
        self.revoked = False
        self.gone = False
        self.portal: bytes | None = None  # what a hotel's network says in place of the server
        self.access = 0
        self.generation = 0
        self.refreshes = 0
        self.signed_out = False
        self.objects: dict[str, bytes] = {}
        self.keeps_receipts = False
        self.requests: list[str] = []
        self.wakes: list[dict] = []  # what to answer to those who wait
        self.limits: list[int] = []
        self.lock = threading.Lock()
        for collection, record in (
            ("visits", VISIT),
            ("checklist_items", ITEM),
            ("conduct_steps", STEP),
            ("service_reports", REPORT),
            ("feedback_cards", CARD),
        ):
            self.put(collection, record, {"visit_id": VISIT, "status": "dispatched"})

    # What the office does

    def put(self, collection: str, record: str, body: dict) -> None:
        state = self.state
        before = state.records.get((collection, record), {"id": record, "revision": 0})
        state.records[collection, record] = before | body | {"revision": before["revision"] + 1}
        self._publish(collection, record, "put")

    def remove(self, collection: str, record: str) -> None:
        self.state.records.pop((collection, record), None)
        self._publish(collection, record, "remove")

    def backup(self) -> State:
        return copy.deepcopy(self.state)

    def restore(self, backup: State) -> None:
        self.state = copy.deepcopy(backup)

    def _publish(self, collection: str, record: str, op: str) -> None:
        self.state.head += 1
        self.state.feed[collection, record] = (self.state.head, op)

    # What devices ask

    def answer(self, method: str, path: str, headers, raw: bytes) -> tuple[int, dict, dict]:
        with self.lock:
            self.requests.append(f"{method} {path.partition('?')[0]}")
            if self.failures:
                status, extra = self.failures.pop(0)
                return status, {"type": "about:blank", "title": "trouble", "detail": "on purpose"}, extra
            if method == "PUT":
                return (*self.take_object(path, headers, raw), {})
            return (*self.dispatch(path, headers, read(headers, raw)), {})

    def dispatch(self, path: str, headers, body: dict) -> tuple[int, dict]:
        if path.startswith("/sync/wake?"):
            return 200, self.wakes.pop(0)
        if path == "/devices/enrol":
            self.access += 1
            self.signed_out = False
            self.public_key = load_der_public_key(base64.b64decode(body["public_key"]))
            return 201, self._tokens() | {
                "user_id": USER,
                "device_id": str(uuid.UUID(int=self.access)),
                "display_name": "Ada",
                "time_zone": "Europe/Berlin",
            }
        if path == "/sessions/refresh":
            return self.refresh(body)
        if headers.get("Authorization") != f"Bearer access-{self.access}" or self.signed_out:
            return 401, problem("unauthenticated")
        if path == "/sync/exchange":
            return self.exchange(body)
        if path == "/sync/reconcile" and self.has_reconcile:
            return self.reconcile(body)
        if path.startswith("/media/"):
            _, _, media_id, verb = path.split("/")
            return self.begin_upload(media_id) if verb == "upload" else self.complete_upload(media_id)
        return 404, problem("not-found")

    def refresh(self, body: dict) -> tuple[int, dict]:
        self.refreshes += 1
        if self.signed_out:
            return 401, problem("unauthenticated")
        signed = b"doorstep refresh\n" + body["refresh_token"].encode()
        self.public_key.verify(base64.b64decode(body["proof"]), signed, ECDSA(SHA256()))
        if body["refresh_token"] == f"refresh-{self.generation}":
            self.generation += 1
            self.access += 1
        elif body["refresh_token"] != f"refresh-{self.generation - 1}":
            self.sins.append("an old refresh token was used again")
            self.signed_out = True
            return 401, problem("unauthenticated")
        return 200, self._tokens()

    def _tokens(self) -> dict:
        return {
            "access_token": f"access-{self.access}",
            "refresh_token": f"refresh-{self.generation}",
            "expires_in": 900,
        }

    def exchange(self, body: dict) -> tuple[int, dict]:
        if self.gone:
            return 410, problem("device-revoked", "This phone was taken out of service.")
        state = self.state
        self.limits.append(body["limit"])
        directives = list(self.directives)
        cursor = self.read_cursor(body, directives)
        expected = state.expected.get(body["journal"], 1)
        numbers = [m["number"] for m in body["mutations"]]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers)) if numbers else []):
            self.sins.append("mutations were not sent in order")
        if numbers and numbers[0] > expected:
            if body.get("journal_start", 0) <= expected:
                return 409, problem("mutation-gap", expected_number=expected)
            expected = body["journal_start"]
            state.expected[body["journal"]] = expected
        outcomes = [self.take(body["journal"], mutation, directives) for mutation in body["mutations"]]
        changes, at, more = [], cursor, False
        if body["limit"] and not self.revoked:
            changes, at, more = self.page(cursor, body["limit"])
        answer = {
            "server_now": datetime.now(UTC).isoformat(),
            "epoch": state.epoch,
            "expected_number": state.expected.get(body["journal"], 1),
            "outcomes": outcomes,
            "changes": changes,
            "cursor": f"{state.epoch}/{at}",
            "more": more,
            "directives": ["wipe"] if self.revoked else directives,
        }
        if body["limit"] and not more and not self.revoked:
            answer["digest"] = self.digest()
        return 200, answer

    def read_cursor(self, body: dict, directives: list[str]) -> int:
        state = self.state
        restored = body["acknowledged"] >= state.expected.get(body["journal"], 1)
        if body["cursor"] is None:
            if restored and body["acknowledged"]:
                state.epoch = str(uuid.uuid4())
            return 0
        epoch, _, position = body["cursor"].partition("/")
        if epoch == state.epoch and (int(position) > state.head or restored):
            state.epoch = str(uuid.uuid4())
        if epoch != state.epoch:
            directives.append("resync")
            return 0
        return int(position)

    def take(self, journal: str, mutation: dict, directives: list[str]) -> dict:
        state, mutation_id, number = self.state, mutation["mutation_id"], mutation["number"]
        content = {name: value for name, value in mutation.items() if name != "number"}
        if self.contents.setdefault(mutation_id, content) != content:
            self.sins.append(f"mutation {mutation_id} was altered")
        said = {"number": number, "mutation_id": mutation_id}
        if state.places.get((journal, number), mutation_id) != mutation_id:
            directives.append("new_journal")
            return said | {"outcome": "refused", "problem": problem("mutation-number-reused")}
        if mutation_id not in state.outcomes:
            state.outcomes[mutation_id] = self.apply(mutation)
            self.order.append(mutation_id)
        state.places[journal, number] = mutation_id
        state.expected[journal] = max(state.expected.get(journal, 1), number + 1)
        return said | state.outcomes[mutation_id]

    def apply(self, mutation: dict) -> dict:
        kind, record, fields = mutation["type"], mutation["record"], mutation["fields"]
        if kind in self.refused_types:
            return self.refused_types[kind]
        self.state.applied[mutation["mutation_id"]] += 1
        if kind in CREATED:
            if (CREATED[kind], record) in self.state.records:
                self.sins.append(f"{record} was made twice")
            extra = {"state": "expected"} if kind == "media.register" else {}
            self.put(CREATED[kind], record, fields | extra)
        elif kind in EDITED:
            self.put(EDITED[kind], record, fields)
        elif kind in STATUSES:
            self.put("visits", record, {"status": STATUSES[kind]})
        return {"outcome": "applied"}

    def page(self, cursor: int, limit: int) -> tuple[list, int, bool]:
        rows = sorted(
            (position, key, op) for key, (position, op) in self.state.feed.items() if position > cursor
        )
        page, more = rows[:limit], len(rows) > limit
        changes = [self.change(key, op) for _, key, op in page]
        return changes, page[-1][0] if more else self.state.head, more

    def change(self, key: tuple[str, str], op: str) -> dict:
        change = {"collection": key[0], "id": key[1], "op": op}
        if op == "remove":
            return change | {"why": "out_of_scope"}
        return change | {"hash": hash_of(key, self.state.records[key]), "body": self.state.records[key]}

    def digest(self) -> dict:
        hashes = [int(hash_of(key, body), 16) for key, body in self.state.records.items()]
        total = sum(hashes) + (1 if self.spoil_digest else 0)
        self.spoil_digest = max(0, self.spoil_digest - 1)
        return {"technician:1": {"count": len(hashes), "hash": f"{total % 2**64:016x}"}}

    def reconcile(self, body: dict) -> tuple[int, dict]:
        held = {(row["collection"], row["id"]): row["hash"] for row in body["held"]}
        true = {key: hash_of(key, value) for key, value in self.state.records.items()}
        wrong = [key for key in true if held.get(key) != true[key]]
        changes = [self.change(key, "put") for key in wrong]
        changes += [self.change(key, "remove") for key in held if key not in true]
        return 200, {
            "changes": changes,
            "cursor": body["cursor"],
            "digest": self.digest(),
            "directives": [],
        }

    # Files

    def begin_upload(self, media_id: str) -> tuple[int, dict]:
        media = self.state.records.get(("media", media_id))
        if media is None:
            self.sins.append("a file was offered before its record was known")
            return 404, problem("not-found")
        if media["sha256"] in self.objects:
            return 200, {"needed": False, "method": None, "url": None, "headers": None, "expires_at": None}
        url = f"/media/objects/{media['sha256']}?size={media['size']}"
        headers = {"Content-Type": media["content_type"], "Content-Length": str(media["size"])}
        return 200, {"needed": True, "method": "PUT", "url": url, "headers": headers, "expires_at": None}

    def take_object(self, path: str, headers, raw: bytes) -> tuple[int, dict]:
        sha256, _, size = path.rpartition("/")[2].partition("?size=")
        if "Authorization" in headers:
            self.sins.append("a token travelled with a file")
        if hashlib.sha256(raw).hexdigest() != sha256 or len(raw) != int(size):
            return 422, problem("content-hash-differs", "The bytes are not those that were declared.")
        self.objects[sha256] = raw
        return 200, {}

    def complete_upload(self, media_id: str) -> tuple[int, dict]:
        media = self.state.records["media", media_id]
        if media["sha256"] not in self.objects:
            return 409, problem("upload-missing")
        if not self.keeps_receipts and media["state"] != "stored":
            self.put("media", media_id, {"state": "stored", "stored_at": "2025-03-01T08:30:00Z"})
        return 200, media | {"state": "stored"}


def problem(code: str, detail: str = "", **extensions: object) -> dict:
    return {"type": f"urn:doorstep:problem:{code}", "title": code, "detail": detail or code, **extensions}


def hash_of(key: tuple[str, str], body: dict) -> str:
    return hashlib.sha256(f"{key}{json.dumps(body, sort_keys=True)}".encode()).hexdigest()[:16]


def read(headers, raw: bytes) -> dict:
    if headers.get("Content-Encoding") == "gzip":
        raw = gzip.decompress(raw)
    return json.loads(raw) if raw else {}


class Served:
    """A fake server on a port of this machine."""

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def respond(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if len(raw) < int(self.headers.get("Content-Length") or 0):
                    self.close_connection = True
                    return  # cut in the middle: never seen by the application
                fake = served.fake
                status, body, extra = fake.answer(self.command, self.path, self.headers, raw)
                content = fake.portal or json.dumps(body).encode()
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = respond  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
