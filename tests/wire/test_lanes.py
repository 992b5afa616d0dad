"""Both lanes are one proxy: the same bytes down both send the upstream the same, answer the caller the same, and end alike.

Whole, byte by byte, and in two parts at every offset; requests and answers, plain ones and those that leave a doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from proxy.http.express.front import Front
from proxy.http.routing import BodyMatch, ExpiredWhen, PoolOptions, Replay, Retry, Rewrite
from proxy.http.upstream import Connection
from proxy.units import Bytes
from tests.conftest import LANES
from tests.wire import answers, corpus, usual
from tests.wire.lanes import Case, accounts, differences

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.wire.lanes import Difference

HEAD = b"POST /raw HTTP/1.1\r\nHost: bearerd.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
REQUESTS = {
    "targets": usual.TARGETS,
    "methods": usual.METHODS,
    "fields": usual.FIELDS,
    "hosts": usual.HOSTS,
    "bodies": usual.BODIES,
    "pipelines": usual.PIPELINES,
    "doubtful lengths": corpus.LENGTHS,
    "doubtful codings": corpus.CODINGS,
    "doubtful framings": corpus.FRAMINGS,
    "doubtful names": corpus.NAMES,
    "doubtful values": corpus.VALUES,
    "doubtful hosts": corpus.HOSTS,
    "doubtful start lines": corpus.START_LINES,
    "doubtful chunks": {name: HEAD + chunk for name, chunk in corpus.CHUNKS.items()},
}
ANSWERS = {
    "usual": usual.answered(usual.WHOLE),
    "usual, then the end": usual.answered(usual.ENDED, "end"),
    "usual, then a reset": usual.answered(usual.ENDED, "reset"),
    "doubtful status lines": usual.answered(answers.STATUS_LINES, "end"),
    "doubtful fields": usual.answered(answers.HEADERS, "end"),
    "doubtful framings": usual.answered(answers.FRAMINGS, "end"),
    "doubtful chunks": usual.answered(answers.CHUNKS, "end"),
}


def told(found: list[Difference]) -> str:
    """The first differences, and how many there are."""
    return "\n".join([f"{len(found)} differences", *map(str, found[:5])]) if found else ""


@pytest.mark.parametrize("cut", ["whole", "byte by byte", "request"])
@pytest.mark.parametrize("family", REQUESTS)
def test_requests(family: str, cut: Literal["whole", "byte by byte", "request"]) -> None:
    """Whatever a caller sends, and however it arrives, with a token and a connection at hand."""
    cases = {name: Case(sent) for name, sent in REQUESTS[family].items()}
    assert told(differences(cases, LANES, cut=cut)) == ""


@pytest.mark.parametrize(
    ("half_close", "cold"), [(True, False), (False, True)], ids=["a caller that sends no more", "without a token and a connection"]
)
@pytest.mark.parametrize("family", REQUESTS)
def test_requests_in_other_circumstances(family: str, half_close: bool, cold: bool) -> None:  # noqa: FBT001  # columns of the table
    """Behind a closed sending side, and where everything has to be fetched and opened first; another request follows each."""
    cases = {name: Case(sent + usual.get(b"/behind"), half_close=half_close, cold=cold) for name, sent in REQUESTS[family].items()}
    assert told(differences(cases, LANES, cut="whole")) == ""


@pytest.mark.parametrize("half_close", [True, False])
def test_requests_that_never_become_whole(half_close: bool) -> None:  # noqa: FBT001  # a column of the table
    """What the upstream gets of them is the same, as is how long they are waited for."""
    cases = {name: Case(sent, half_close=half_close) for name, sent in usual.UNFINISHED.items()}
    assert told(differences(cases, LANES, cut="whole")) == ""


@pytest.mark.parametrize("family", ANSWERS)
def test_answers(family: str) -> None:
    """Whatever an upstream answers to a GET, a HEAD, a POST, and to the first of two requests."""
    assert told(differences(ANSWERS[family], LANES, cut="whole")) == ""


@pytest.mark.parametrize("family", ANSWERS)
def test_answers_in_two_parts(family: str) -> None:
    """However its answer to a GET arrives."""
    cases = {name: case for name, case in ANSWERS[family].items() if case.sent == usual.ASKED["GET"]}
    assert told(differences(cases, LANES, cut="answer")) == ""


OPTIONS: dict[str, dict[str, Any]] = {
    "no credential": {"credential": "none"},
    "fields of a proxy": {"preserve_host": True, "via": True, "forwarded": "x-forwarded"},
    "as it comes": {"forwarded": "rfc7239", "rewrite": Rewrite(location=False, cookies=False)},
    "two methods": {"methods": ("GET", "POST")},
    "never again": {"retry": Retry(attempts=1), "unauthorized": "pass"},
    "hardly any replay": {"unauthorized": "replay_idempotent", "replay": Replay(memory=Bytes(4))},
    "expiry in a body": {"expired_when": ExpiredWhen(status=(200, 403), body=BodyMatch(contains="ok"))},
    "expiry in a field": {"expired_when": ExpiredWhen(status=(200, 201), header={"X-A": "1"})},
    "one at a time": {"pool": PoolOptions(connections=1), "max_concurrency": 1},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_a_route(name: str) -> None:
    """Whatever the route says is done in both lanes."""
    families = [REQUESTS[family] for family in ("targets", "methods", "fields", "bodies", "pipelines")]
    cases = {f"{number} {name}": Case(sent) for number, family in enumerate(families) for name, sent in family.items()}
    asked = ANSWERS["usual"] | {f"{name}, end": case for name, case in ANSWERS["usual, then the end"].items()}
    assert told(differences(cases | asked, LANES, cut="whole", options=OPTIONS[name])) == ""


@pytest.mark.parametrize(
    "cases",
    [
        *(pytest.param({name: Case(sent) for name, sent in family.items()}, id=what) for what, family in REQUESTS.items()),
        *(pytest.param(family, id=f"answers: {what}") for what, family in ANSWERS.items()),
    ],
)
def test_what_is_told_of_calls(cases: dict[str, Case]) -> None:
    """Access lines and counts do not say which lane it was."""
    ordinary, express = accounts(cases, LANES)
    assert [pair for pair in zip(ordinary, express, strict=True) if pair[0] != pair[1]] == []
    assert ordinary[-1] != {}


def changed(function: Callable[..., object]) -> Callable[..., object]:
    """The same, with one byte of what it sends changed."""
    return lambda *given: function(*given[:-1], given[-1].replace(b"\r\n", b"\r\nX: 1\r\n", 1))


@pytest.mark.parametrize(
    ("place", "name", "fault", "where"),
    [
        pytest.param(Front, "send", changed, "got", id="an answer's bytes"),
        pytest.param(Connection, "lend", changed, "requests", id="a request's bytes"),
        pytest.param(Front, "answered", lambda of: lambda front, **_: of(front, keep_alive=False), "ended", id="an early end"),
    ],
)
def test_a_fault_of_the_express_lane_is_a_difference(
    place: type, name: str, fault: Callable[[object], object], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One small enough is found in every plain case, which shows too that it is the express lane that serves them."""
    monkeypatch.setattr(place, name, fault(getattr(place, name)))
    plain = {"GET": usual.get(), "HEAD": usual.get(method=b"HEAD"), "POST": usual.post(b"hello"), "two": usual.get() * 2}
    found = differences({name: Case(sent) for name, sent in plain.items()}, LANES, cut="whole")
    assert {difference.name for difference in found if f"  {where}:" in str(difference)} == set(plain)
