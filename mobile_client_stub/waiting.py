"""Waiting for news: the server speaks up, so that the phone need not exchange to hear of nothing."""

from collections.abc import Callable
from urllib.parse import urlencode

from mobile_client_stub import journal
from mobile_client_stub.store import Store
from mobile_client_stub.transport import Server
from mobile_client_stub.words import number_of

LONGEST = 25  # seconds: what the server lets anybody wait


def is_worth_a_sync(store: Store, server: Server, seconds: int, sleep: Callable[[float], None]) -> bool:
    """Whether a sync would do something, after waiting for at most about so many seconds.

    The answer is a hint. Without one, because of the network or the server, a sync is the way to find out.
    """
    if journal.unacknowledged_count(store.connection):
        return True
    left = seconds
    while True:
        asked = max(0, min(LONGEST, left))
        query = {"seconds": str(asked)}
        if cursor := journal.progress(store.connection).cursor:
            query["cursor"] = cursor
        answer = server.ask_once(f"/sync/wake?{urlencode(query)}")
        if answer is None or answer.get("news"):
            return True
        away = number_of(answer, "retry_after") if "retry_after" in answer else 0
        left -= max(away or asked, 1)
        if left <= 0:
            return False
        sleep(away)
