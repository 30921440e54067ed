"""Runs the rules one after another and tells what came of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import httpx

from mobile_client_stub.conformance import endings, exchanging, files, getting_in, pulling, pushing, waking
from mobile_client_stub.conformance.bench import Bench, Login
from mobile_client_stub.conformance.rule import Broken, Rule, Skipped
from mobile_client_stub.conformance.wire import Wire

RULES: tuple[Rule, ...] = (
    *getting_in.RULES,
    *exchanging.RULES,
    *pushing.RULES,
    *pulling.RULES,
    *waking.RULES,
    *files.RULES,
    *endings.RULES,
)
SECONDS = 60.0
"""How long one answer may take."""

Verdict = Literal["pass", "fail", "skip"]


@dataclass(frozen=True)
class Finding:
    """What came of one rule."""

    rule: str
    verdict: Verdict
    expected: str
    came: str

    def __str__(self) -> str:
        return f"{self.verdict}  {self.rule}: {self.expected}  → {self.came}"


@dataclass(frozen=True)
class Report:
    """What came of all of them."""

    url: str
    findings: Sequence[Finding]

    @property
    def conforms(self) -> bool:
        """Whether no rule was broken; rules that could not be tried do not count."""
        return all(finding.verdict != "fail" for finding in self.findings)

    def count(self, verdict: Verdict) -> int:
        """How many rules ended so."""
        return sum(finding.verdict == verdict for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "url": self.url,
            "conforms": self.conforms,
            "passed": self.count("pass"),
            "failed": self.count("fail"),
            "skipped": self.count("skip"),
            "rules": [asdict(finding) for finding in self.findings],
        }

    def last_line(self) -> str:
        """The sentence at the end."""
        figures = f"{self.count('pass')} passed, {self.count('fail')} failed, {self.count('skip')} skipped"
        return f"conformance: {figures}"


def connect(url: str) -> httpx.Client:
    """An HTTP client for a server's address."""
    return httpx.Client(base_url=url, timeout=SECONDS)


def run_rules(
    client: httpx.Client, codes: Sequence[str], office: Login | None = None, rules: Iterable[Rule] = RULES
) -> Iterator[Finding]:
    """Try the rules one by one against the server behind `client`.

    `codes`: a one-time enrolment code of the person whose phone is tried, then one of somebody else.
    Without `office`, rules that need a further phone are skipped.
    """
    bench = Bench(Wire(client), codes, office)
    for rule in rules:
        yield Finding(rule.name, *_tried(rule, bench))


def _tried(rule: Rule, bench: Bench) -> tuple[Verdict, str, str]:
    try:
        return "pass", rule.expects, rule.check(bench)
    except Skipped as reason:
        return "skip", rule.expects, str(reason)
    except Broken as broken:
        return "fail", rule.expects, str(broken)
    except httpx.HTTPError as error:
        return "fail", rule.expects, f"no answer ({type(error).__name__}: {error})"
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, StopIteration) as error:
        # The answer was not of the form that the check took for granted: the server's fault, told as it is.
        return "fail", rule.expects, f"an answer that cannot be read ({type(error).__name__}: {error})"


def people_of(firm: str) -> tuple[list[str], Login]:
    """The technicians' codes and somebody of the office, of what `doorstep seed --json` printed.

    Raises ValueError or KeyError.
    """
    document = json.loads(firm)
    people = document.get("technicians") if isinstance(document, dict) else None
    if not isinstance(people, list) or not people:
        raise ValueError("there are no technicians in it")
    maker = document["office"][0]
    return [str(person["enrolment_code"]) for person in people], Login(maker["email"], maker["password"])
