"""Rules about waiting for news: a hint, but an honest one."""

from __future__ import annotations

import time

from mobile_client_stub.conformance.bench import Bench
from mobile_client_stub.conformance.rule import Skipped, expect, rule
from mobile_client_stub.conformance.wire import Answer, Journal

A_MOMENT = 1
SLACK = 5.0
"""Seconds that a busy server may take beyond what it was asked to wait."""


@rule
def news_wakes_the_waiting(bench: Bench) -> str:
    """Whoever waits with a cursor that lacks something is told at once that there is news."""
    journal, other = bench.phone.journal(), bench.second_phone.journal()
    other.pull()
    journal.push(bench.note(journal))
    answer = _wait(other, 20)
    expect(answer.body.get("news") is True, f"news {answer.body.get('news')}")
    return "news"


@rule
def a_quiet_wait_comes_to_its_end(bench: Bench) -> str:
    """Whoever waits with a cursor that lacks nothing hears after the seconds asked for that there is none."""
    journal = bench.phone.journal()
    journal.pull()
    began = time.monotonic()
    answer = _wait(journal, A_MOMENT)
    seconds = time.monotonic() - began
    expect(answer.body.get("news") is False, f"news {answer.body.get('news')} though nothing came")
    expect(seconds <= A_MOMENT + SLACK, f"an answer after {seconds:.1f} s")
    return "no news, in time"


def _wait(journal: Journal, seconds: int) -> Answer:
    answer = journal.device.get("/sync/wake", cursor=str(journal.cursor), seconds=str(seconds))
    expect(answer.status == 200, f"GET /sync/wake: {answer}")
    if answer.body.get("retry_after"):
        raise Skipped("nobody could wait here now")
    return answer


RULES = (news_wakes_the_waiting, a_quiet_wait_comes_to_its_end)
