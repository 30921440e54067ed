"""Files up: ask how, put the bytes, have them checked. One bad file never holds up the others."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mobile_client_stub import journal, media_queue
from mobile_client_stub.store import Store
from mobile_client_stub.transport import NoConnection, Refused, Server
from mobile_client_stub.words import Body, Clock, text_of

PART = 8 * 2**20
"""Longer files go in parts of so many bytes: what a broken connection costs is one part at most."""


@dataclass
class Uploaded:
    """What one run did; `trouble` is set when the connection ended it early."""

    sent: int = 0
    failed: int = 0
    trouble: str | None = None


def upload_waiting(store: Store, server: Server, clock: Clock) -> Uploaded:
    """Try every file that the server is ready for, once; those that failed least come first.

    What fails is noted and tried again next time. Only inside of `Store.sending_files`.
    """
    done = Uploaded()
    for medium in sorted(media_queue.all_media(store.connection), key=lambda medium: medium.attempts):
        if not medium.may_go:
            continue
        epoch = journal.progress(store.connection).epoch
        try:
            _upload(store, server, medium)
        except NoConnection as error:
            done.trouble = str(error)
            _note_trouble(store, medium, str(error))
            return done
        except (Refused, OSError) as error:
            done.failed += 1
            _note_trouble(store, medium, str(error))
            continue
        done.sent += 1
        with store.transaction() as connection:
            media_queue.note_sent(connection, medium.id, clock(), epoch)
    return done


def _upload(store: Store, server: Server, medium: media_queue.Medium) -> None:
    path = media_queue.path_of(store, medium.sha256)
    how = server.call("POST", f"/media/{medium.id}/upload", _parts_told(medium, path))
    if how.get("needed", True):
        if not media_queue.is_whole(path, medium.sha256):
            raise Refused(
                0, {"detail": "The server needs this file, and it is missing or damaged on this phone."}
            )
        _send(server, how, path)
    answer = server.call("POST", f"/media/{medium.id}/complete")
    if text_of(answer, "state") != "stored":
        raise Refused(0, {"detail": text_of(answer, "reason") or "The server did not accept the file."})


def _parts_told(medium: media_queue.Medium, path: Path) -> Body | None:
    """What is said beside the question: of a long file the hash of every part."""
    if medium.size <= PART or not path.exists():
        return None
    with path.open("rb") as file:
        return {
            "part_hashes": [hashlib.sha256(part).hexdigest() for part in iter(lambda: file.read(PART), b"")]
        }


def _send(server: Server, how: Body, path: Path) -> None:
    """One request for the whole file, or one for each part that the server does not have yet."""
    parts = how.get("parts")
    if parts is None:
        server.put_file(text_of(how, "url"), _headers_of(how), path)
        return
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise _unknown()
    for part in parts:
        if not part.get("arrived"):
            span = (int(part["offset"]), int(part["size"]))
            server.put_file(text_of(part, "url"), _headers_of(part), path, span)


def _headers_of(how: Body) -> dict[str, str]:
    headers = how.get("headers")
    if text_of(how, "method") != "PUT" or not isinstance(headers, dict):
        raise _unknown()
    return headers


def _unknown() -> Refused:
    return Refused(0, {"detail": "The server asks for an upload that this phone does not know. Update it."})


def _note_trouble(store: Store, medium: media_queue.Medium, trouble: str) -> None:
    with store.transaction() as connection:
        media_queue.note_trouble(connection, medium.id, trouble)
