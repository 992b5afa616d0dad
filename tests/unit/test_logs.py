"""Event and access lines as operators get them."""

from __future__ import annotations

import ast
import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from proxy.errors import RouteNotFoundError, TokenInvalidClientError, TokenServerError
from proxy.logs import Access, EventLog, Format, Level, LibraryLog, Logs, configure
from proxy.metrics import Metrics
from proxy.oauth.events import Fanout
from proxy.oauth.lifetime import Short

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NOW = 1_767_323_045.678
ENTRY = Access(request_id="r", client="::1", method="GET", path="/crm", route="crm", status=200, seconds=0.1)


class Lines:
    """Logs into a list."""

    def __init__(self, *, form: Format = "json", level: Level = "debug", access: bool = True, bound: int = 1 << 20) -> None:
        self.written = bytearray()
        self.logs = Logs(self.written.extend, form=form, level=level, access=access, clock=lambda: NOW, bound=bound)

    def text(self) -> str:
        self.logs.close(10)
        return self.written.decode("ascii")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


def test_event_keys() -> None:
    """Every event line has the contract's keys, null where one does not apply, and its own facts."""
    lines = Lines()
    lines.logs.event("info", "listening", address="127.0.0.1:6750", alias="crm")
    assert list(lines.events()[0].items()) == [
        ("ts", "2026-01-02T03:04:05.678Z"),
        ("level", "info"),
        ("event", "listening"),
        ("alias", "crm"),
        ("route", None),
        ("code", None),
        ("key", None),
        ("request_id", None),
        ("address", "127.0.0.1:6750"),
    ]


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_level(level: Level, shown: list[str]) -> None:
    """Only lines of the configured level and above are written."""
    lines = Lines(level=level)
    lines.logs.event("debug", "a")
    lines.logs.event("info", "a")
    lines.logs.event("warning", "a")
    lines.logs.event("error", "a")
    assert [line["level"] for line in lines.events()] == shown


def test_two_logs_share_nothing() -> None:
    """Each Logs has its own level and sink: nothing is configured for the whole process."""
    quiet, loud = Lines(level="error"), Lines(level="debug")
    quiet.logs.event("info", "a")
    loud.logs.event("info", "a")
    assert (len(quiet.events()), len(loud.events())) == (0, 1)


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked(form: Format) -> None:
    """No secret comes out, under a telling key, in a text, or in a traceback; at debug level too."""
    lines = Lines(form=form)
    fault = ValueError("sent Bearer s3cr3t-value")
    lines.logs.event("debug", "a", client_secret="s3cr3t-value", headers={"Authorization": "s3cr3t-value"}, exc_info=fault)
    lines.logs.event("debug", "token_request", note="client_secret=s3cr3t-value&a=b")
    text = lines.text()
    assert "s3cr3t-value" not in text
    assert "ValueError" in text


def test_failed_tells_operators_more() -> None:
    """A failure is a warning with code, key, detail, and the detail that callers do not get."""
    lines = Lines()
    lines.logs.failed(RouteNotFoundError("no route", log_detail="host a.example"), request_id="r-1", route="")
    line = lines.events()[0]
    assert (line["level"], line["event"], line["code"], line["request_id"]) == ("warning", "request_failed", "route_not_found", "r-1")
    assert (line["detail"], line["log_detail"]) == ("route_not_found; no route; nothing to change", "host a.example")


class Keys:
    """Says where keys stand, and counts how often it is asked."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.asked: list[str] = []

    def tell(self, key: str) -> str | None:
        self.asked.append(key)
        return self.place if key.startswith("credentials.") else None


def test_a_key_is_told_with_its_place() -> None:
    """A line with a key says where that stands, looked up once; what has no place, and a line without a key, has no such fact."""
    lines, keys = Lines(), Keys("material.yaml:11:16")
    lines.logs.locate_by(keys.tell)
    lines.logs.failed(WRONG)
    EventLog(lines.logs).token_state("crm", "cooling_down", cause=WRONG, until=1.0)
    lines.logs.event("warning", "drain_timeout", key="drain_timeout")
    lines.logs.event("info", "ready")
    assert [line.get("place", "-") for line in lines.events()] == ["material.yaml:11:16", "material.yaml:11:16", "-", "-"]
    assert keys.asked == ["credentials.crm.client_secret", "drain_timeout"]


def test_places_change_with_the_configuration() -> None:
    """After a reload the new files' places are told."""
    lines = Lines()
    lines.logs.locate_by(Keys("before.yaml:1:1").tell)
    lines.logs.failed(WRONG)
    lines.logs.locate_by(Keys("after.yaml:2:2").tell)
    lines.logs.failed(WRONG)
    assert [line["place"] for line in lines.events()] == ["before.yaml:1:1", "after.yaml:2:2"]


@pytest.mark.parametrize(("access", "count"), [(True, 1), (False, 0)])
def test_access_switch(access: bool, count: int) -> None:  # noqa: FBT001  # a table's column
    """Access lines are written unless switched off, whatever the level."""
    lines = Lines(level="error", access=access)
    lines.logs.access(ENTRY)
    assert len(lines.events()) == count


def test_dropped_lines_are_told() -> None:
    """Lines that found no room are counted, and an event says how many."""
    lines = Lines(bound=10)
    lines.logs.access(ENTRY)
    assert lines.logs.dropped == 1
    line = lines.events()[0]
    assert (line["event"], line["level"], line["lines"]) == ("log_lines_dropped", "warning", 1)


def told(lines: Lines) -> list[tuple[str, str]]:
    return [(line["level"], line["event"]) for line in lines.events()]


def test_token_fetched() -> None:
    """A new token is one info line with its lifetime and the milliseconds it took."""
    lines = Lines()
    EventLog(lines.logs).token_fetched("crm", seconds=0.0841, error=None, lifetime=3600.0)
    line = lines.events()[0]
    assert (line["level"], line["event"], line["alias"], line["ms"], line["lifetime"]) == ("info", "token_fetched", "crm", 84.1, 3600.0)


def test_token_fetch_failed() -> None:
    """A failed token request is one warning with code, key and both details."""
    lines = Lines()
    error = TokenInvalidClientError("answered 401", alias="crm", log_detail="https://login.example.com/token")
    EventLog(lines.logs).token_fetched("crm", seconds=0.1, error=error, lifetime=None)
    line = lines.events()[0]
    assert (line["level"], line["event"], line["code"]) == ("warning", "token_fetch_failed", "token_invalid_client")
    assert (line["key"], line["detail"], line["log_detail"]) == ("credentials.crm.client_secret", str(error.details), error.log_detail)


def test_token_discarded() -> None:
    """A dropped token is one info line with its reason and age."""
    lines = Lines()
    EventLog(lines.logs).token_discarded("crm", "refused", age=3480.12345)
    line = lines.events()[0]
    assert (line["level"], line["event"], line["reason"], line["age"]) == ("info", "token_discarded", "refused", 3480.123)


DOWN = TokenServerError("answered 500", alias="crm")
WRONG = TokenInvalidClientError("refused", alias="crm")


def test_cool_down_is_told_once() -> None:
    """A cool-down is one line per cause until there is a token again, not one per try."""
    lines = Lines(level="info")
    events = EventLog(lines.logs)
    events.token_state("crm", "cooling_down", cause=DOWN, until=10.0)
    events.token_state("crm", "fetching", cause=None, until=None)
    events.token_state("crm", "cooling_down", cause=DOWN, until=20.0)
    events.token_state("crm", "cooling_down", cause=WRONG, until=30.0)
    events.token_state("erp", "cooling_down", cause=WRONG, until=30.0)
    events.token_fetched("crm", seconds=0.1, error=None, lifetime=60.0)
    events.token_state("crm", "cooling_down", cause=WRONG, until=40.0)
    found = [(line["alias"], line["code"], line["key"], line.get("until")) for line in lines.events()]
    assert found == [
        ("crm", "token_endpoint_error", None, 10.0),
        ("crm", "token_invalid_client", "credentials.crm.client_secret", 30.0),
        ("erp", "token_invalid_client", "credentials.crm.client_secret", 30.0),
        ("crm", None, None, None),
        ("crm", "token_invalid_client", "credentials.crm.client_secret", 40.0),
    ]


def test_other_states() -> None:
    """Authorization that is needed is a warning; other states are for debugging; waiting callers write nothing."""
    lines = Lines()
    events = EventLog(lines.logs)
    events.token_waited("crm")
    events.token_state("crm", "fresh", cause=None, until=None)
    events.token_state("crm", "needs_authorization", cause=WRONG, until=None)
    assert told(lines) == [("debug", "token_state"), ("warning", "token_needs_authorization")]


def test_a_short_life_is_told_once() -> None:
    """Every token of such a server is short; one line says so."""
    lines = Lines()
    events = EventLog(lines.logs)
    for alias in ("crm", "crm", "erp"):
        events.token_short_lived(alias, Short("lifetime.refresh_before", "the token lives 30 s"))
    assert told(lines) == [("warning", "token_short_lived")] * 2


def test_fanout_reaches_metrics_and_logs() -> None:
    """One report of the token engine is counted and written."""
    lines, metrics = Lines(), Metrics()
    fanout = Fanout(metrics, EventLog(lines.logs))
    fanout.token_fetched("crm", seconds=0.1, error=None, lifetime=60.0)
    fanout.token_waited("crm")
    fanout.token_short_lived("crm", Short("lifetime.fixed", "it is over"))
    fanout.next_secret_used("crm")
    fanout.token_discarded("crm", "refused", age=1.0)
    fanout.token_state("crm", "needs_authorization", cause=None, until=None)
    assert told(lines) == [
        ("info", "token_fetched"),
        ("warning", "token_short_lived"),
        ("warning", "next_secret_used"),
        ("info", "token_discarded"),
        ("warning", "token_needs_authorization"),
    ]
    assert b'bearerd_token_waiters_total{alias="crm"} 1.0' in metrics.expose()[0]


@pytest.fixture
def library() -> Iterator[logging.Logger]:
    """A logger of a library, as it is without us."""
    logger = logging.Logger("aiohttp.server")  # noqa: LOG001  # one that nothing else in the process shares
    yield logger
    logger.handlers.clear()


@pytest.mark.parametrize(
    ("level", "text", "arguments", "shown"),
    [
        (logging.WARNING, "sent %s", ("Bearer abc",), ("warning", "sent Bearer [redacted]")),
        (logging.ERROR, "a\nb", (), ("error", "a\nb")),
        (logging.CRITICAL, "plain %d", ("x",), ("error", "plain %d")),
    ],
)
def test_library_log(library: logging.Logger, level: int, text: str, arguments: tuple[str, ...], shown: tuple[str, str]) -> None:
    """What a library logs becomes an event line, redacted, whatever mistake it makes in its arguments."""
    lines = Lines()
    library.addHandler(LibraryLog(lines.logs))
    library.log(level, text, *arguments)
    line = lines.events()[0]
    assert (line["event"], line["logger"], line["level"], line["message"]) == ("library", "aiohttp.server", *shown)


def test_library_log_has_the_traceback(library: logging.Logger) -> None:
    """A library's traceback is in the line; what it says below a warning is not written."""
    lines = Lines()
    library.addHandler(LibraryLog(lines.logs))
    library.info("chatter")
    library.error("failed", exc_info=ValueError("sent Basic abc"))
    (line,) = lines.events()
    assert "ValueError: sent Basic [redacted]" in line["exception"]


def test_configure_writes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Lines go to standard output, and nothing to standard error."""
    logs = configure(form="console", level="warning", access=False)
    logs.event("warning", "a", alias="crm")
    logs.event("info", "b")
    logs.access(ENTRY)
    logs.close(10)
    out, err = capfd.readouterr()
    assert re.fullmatch(r"\S+Z warning a alias=crm\n", out)
    assert err == ""


def events_in_code() -> set[str]:
    """The event names that proxy/ gives to Logs.event and Logs.failed, and the default of the latter."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "proxy").rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    named = [
        call.args[1]
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"event", "failed", "_log"} and len(call.args) > 1
    ]
    words = {node.value for name in named for node in ast.walk(name) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return words | {"request_failed", "log_lines_dropped"}


def test_docs_tell_every_event() -> None:
    """docs/metrics.md has a row for each event line, and for none that is not written."""
    section = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").partition("| event | level |")[2]
    assert set(re.findall(r"^\| `(\w+)` \| (?:debug|info|warning|error)", section, re.MULTILINE)) == events_in_code()


def test_docs_tell_every_access_field() -> None:
    """docs/metrics.md has a row for each field of an access line, in order."""
    lines = Lines()
    lines.logs.access(ENTRY)
    section = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").partition("An access line")[2].partition("An event line")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(lines.events()[0])
