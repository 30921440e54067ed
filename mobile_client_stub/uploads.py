"""Files up: ask how, put the bytes, have them checked. One bad file never holds up the others."""

from dataclasses import dataclass

from mobile_client_stub import media_queue
from mobile_client_stub.store import Store
from mobile_client_stub.transport import NoConnection, Refused, Server
from mobile_client_stub.words import Clock, text_of


@dataclass
class Uploaded:
    """What one run did; `trouble` is set when the connection ended it early."""

    sent: int = 0
    failed: int = 0
    trouble: str | None = None


def upload_waiting(store: Store, server: Server, clock: Clock) -> Uploaded:
    """Try every file that the server is ready for, once.

    What fails is noted and tried again at the next sync.
    """
    done = Uploaded()
    for medium in media_queue.all_media(store.connection):
        if not medium.may_go:
            continue
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
            media_queue.note_sent(connection, medium.id, clock())
    return done


def _upload(store: Store, server: Server, medium: media_queue.Medium) -> None:
    how = server.call("POST", f"/media/{medium.id}/upload")
    if how.get("needed", True):
        headers = how.get("headers")
        if text_of(how, "method") != "PUT" or not isinstance(headers, dict):
            raise Refused(
                0, {"detail": "The server asks for an upload that this phone does not know. Update it."}
            )
        path = media_queue.path_of(store, medium.sha256)
        if not media_queue.is_whole(path, medium.sha256):
            raise Refused(
                0, {"detail": "The server needs this file, and it is missing or damaged on this phone."}
            )
        server.put_file(text_of(how, "url"), headers, path)
    answer = server.call("POST", f"/media/{medium.id}/complete")
    if text_of(answer, "state") != "stored":
        raise Refused(0, {"detail": text_of(answer, "reason") or "The server did not accept the file."})


def _note_trouble(store: Store, medium: media_queue.Medium, trouble: str) -> None:
    with store.transaction() as connection:
        media_queue.note_trouble(connection, medium.id, trouble)
