"""The series of proxy/metrics: names, labels, zeros, and what a scrape reads.

The contract's names stand here as data; docs/metrics.md is compared with the registry both ways.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tracemalloc
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from proxy.errors import TokenInvalidClientError
from proxy.metrics import Metrics, RouteMetrics
from proxy.metrics.labels import DISCARDS, RETRIED, SKIPPED, STATES, UNAUTHORIZED, token_outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from proxy.oauth.token import TokenState

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
SERIES = {
    "bearerd_requests_total": ("counter", "route,method,status"),
    "bearerd_request_duration_seconds": ("histogram", "route"),
    "bearerd_upstream_duration_seconds": ("histogram", "route"),
    "bearerd_requests_in_flight": ("gauge", "route"),
    "bearerd_token_fetches_total": ("counter", "alias,outcome"),
    "bearerd_token_fetch_duration_seconds": ("histogram", "alias"),
    "bearerd_token_state": ("gauge", "alias,state"),
    "bearerd_token_expiry_timestamp_seconds": ("gauge", "alias"),
    "bearerd_token_issued_timestamp_seconds": ("gauge", "alias"),
    "bearerd_token_waiters_total": ("counter", "alias"),
    "bearerd_token_discards_total": ("counter", "alias,reason"),
    "bearerd_unauthorized_total": ("counter", "route,result"),
    "bearerd_retries_total": ("counter", "route,reason"),
    "bearerd_replays_skipped_total": ("counter", "route,reason"),
    "bearerd_upstream_connections": ("gauge", "route,state"),
    "bearerd_config_reloads_total": ("counter", "outcome"),
    "bearerd_config_last_reload_success_timestamp_seconds": ("gauge", ""),
    "bearerd_build_info": ("gauge", "version,python"),
}


@dataclass(frozen=True)
class Snapshot:
    """A token as the engine tells it."""

    alias: str
    state: TokenState
    issued_at: float | None = None
    expires_at: float | None = None


@dataclass(frozen=True)
class Connections:
    """A pool as it tells its connections."""

    route: str
    idle: int
    active: int


def filled(*, per_route: bool = True) -> Metrics:
    metrics = Metrics(per_route=per_route, clock=lambda: 1_700_000_000.0)
    metrics.keep(["crm", "erp"], ["salesforce"])
    metrics.watch_tokens(lambda: [Snapshot("salesforce", "fresh", 10, 100), Snapshot("salesforce", "due", 20, 50)])
    metrics.watch_connections(lambda: [Connections("crm", 2, 1), Connections("erp", 0, 4)])
    return metrics


def exposed(metrics: Metrics) -> dict[str, float]:
    """Each sample as `name{label=value,...}` less the prefix, its labels by name."""
    return {_named(sample.name, sample.labels): sample.value for family in families(metrics) for sample in family.samples}


def families(metrics: Metrics) -> Iterator[Metric]:
    return iter(parse_text(metrics.expose()[0].decode()))


def _named(name: str, labels: dict[str, str]) -> str:
    inner = ",".join(f"{label}={value}" for label, value in sorted(labels.items()))
    return f"{name.removeprefix('bearerd_')}{{{inner}}}" if inner else name.removeprefix("bearerd_")


def answer(route: RouteMetrics, method: str, status: int) -> None:
    route.started()
    route.finished(method, status, 0.2)


def full_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_series_are_the_contract() -> None:
    """The names, types and labels are those of the contract, no more and no fewer."""
    found = {
        full_name(family): (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
        for family in families(filled())
        if family.name.startswith("bearerd_")
    }
    assert found == {name: (kind, set(filter(None, labels.split(",")))) for name, (kind, labels) in SERIES.items()}


def test_docs_tell_every_series() -> None:
    """docs/metrics.md has a row for each series, with its type and labels, and for none that does not exist."""
    rows = re.findall(r"^\| `(bearerd_\w+)` \| (\w+) \|([^|]*)\|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: (kind, ",".join(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows} == SERIES


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("`outcome`", token_outcomes()),
        ("`state`", STATES),
        ("`result`", UNAUTHORIZED),
        ("`reason` of retries", (*(reason for reason in RETRIED if not reason.startswith("status_")), "status_NNN")),
        ("`reason` of replays_skipped", SKIPPED),
        ("`reason` of token_discards", DISCARDS),
    ],
)
def test_docs_tell_every_label_value(label: str, values: tuple[str, ...]) -> None:
    """docs/metrics.md lists the values that a label can have, no more and no fewer."""
    section = DOCS.read_text(encoding="utf-8").partition(f"### {label}\n")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", re.split(r"^#", section, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE)) == set(values)


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ("requests_total{method=GET,route=crm,status=200}", 0),
        ("requests_total{method=POST,route=erp,status=503}", 0),
        ("requests_total{method=GET,route=,status=404}", 0),
        ("request_duration_seconds_count{route=crm}", 0),
        ("requests_in_flight{route=crm}", 0),
        ("unauthorized_total{result=healed,route=crm}", 0),
        ("retries_total{reason=status_503,route=crm}", 0),
        ("replays_skipped_total{reason=body_not_replayable,route=crm}", 0),
        ("token_fetches_total{alias=salesforce,outcome=ok}", 0),
        ("token_fetches_total{alias=salesforce,outcome=token_invalid_client}", 0),
        ("token_discards_total{alias=salesforce,reason=refused}", 0),
        ("token_waiters_total{alias=salesforce}", 0),
        ("config_reloads_total{outcome=failed}", 0),
        ("config_last_reload_success_timestamp_seconds", 1_700_000_000),
        ("token_state{alias=salesforce,state=fresh}", 1),
        ("token_state{alias=salesforce,state=due}", 1),
        ("token_state{alias=salesforce,state=cooling_down}", 0),
        ("token_expiry_timestamp_seconds{alias=salesforce}", 50),
        ("token_issued_timestamp_seconds{alias=salesforce}", 20),
        ("upstream_connections{route=crm,state=idle}", 2),
        ("upstream_connections{route=erp,state=active}", 4),
    ],
)
def test_shown_before_any_event(series: str, value: float) -> None:
    """A configured route or alias has its series before its first event, so that rates work from the start."""
    assert exposed(filled())[series] == value


def test_process_series() -> None:
    """The registry has the process's and Python's own series too."""
    names = {family.name for family in families(Metrics())}
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "process_open_fds", "python_info"} <= names


def test_no_created_series() -> None:
    """No `_created` doubles the counters."""
    assert b"_created" not in filled().expose()[0]


@pytest.mark.parametrize(
    ("method", "status", "series"),
    [
        ("GET", 200, "requests_total{method=GET,route=crm,status=200}"),
        ("PATCH", 599, "requests_total{method=PATCH,route=crm,status=599}"),
        ("get", 200, "requests_total{method=other,route=crm,status=200}"),
        ("PROPFIND", 207, "requests_total{method=other,route=crm,status=207}"),
        ('X"}\n1', 200, "requests_total{method=other,route=crm,status=200}"),
        ("GET", 0, "requests_total{method=GET,route=crm,status=100}"),
        ("GET", 99999, "requests_total{method=GET,route=crm,status=599}"),
        ("GET", -1, "requests_total{method=GET,route=crm,status=100}"),
    ],
)
def test_finished_counts_under_known_labels(method: str, status: int, series: str) -> None:
    """An answer counts once, under a known method and a status from 100 to 599, whatever was sent."""
    metrics = filled()
    answer(metrics.route("crm"), method, status)
    shown = exposed(metrics)
    assert (shown[series], shown["requests_in_flight{route=crm}"], shown["request_duration_seconds_count{route=crm}"]) == (1, 0, 1)


def test_hostile_labels_stay_bounded() -> None:
    """A thousand invented methods and statuses make at most one series for each known status."""
    metrics = filled()
    route = metrics.route("crm")
    before = len(exposed(metrics))
    deque(map(partial(answer, route), map("M{}".format, range(1000)), range(1000)), maxlen=0)
    assert len(exposed(metrics)) == before + 500
    assert len(route.answered) == 500


@pytest.mark.parametrize(
    ("call", "word", "series"),
    [
        ("unauthorized", "healed", "unauthorized_total{result=healed,route=crm}"),
        ("unauthorized", "from the wire", "unauthorized_total{result=other,route=crm}"),
        ("retried", "status_503", "retries_total{reason=status_503,route=crm}"),
        ("retried", "status_421", "retries_total{reason=status_421,route=crm}"),
        ("retried", "status_99999", "retries_total{reason=other,route=crm}"),
        ("retried", "from the wire", "retries_total{reason=other,route=crm}"),
        ("replay_skipped", "deadline", "replays_skipped_total{reason=deadline,route=crm}"),
        ("replay_skipped", "from the wire", "replays_skipped_total{reason=other,route=crm}"),
    ],
)
def test_reasons_count_under_known_labels(call: str, word: str, series: str) -> None:
    """A reason that is not listed counts as `other`."""
    metrics = filled()
    getattr(metrics.route("crm"), call)(word)
    assert exposed(metrics)[series] == 1


def test_upstream_duration() -> None:
    """The time to an upstream's head falls into its bucket."""
    metrics = filled()
    metrics.route("crm").upstream(0.03)
    shown = exposed(metrics)
    assert shown["upstream_duration_seconds_bucket{le=0.025,route=crm}"] == 0
    assert shown["upstream_duration_seconds_bucket{le=0.05,route=crm}"] == 1


def test_route_is_made_once() -> None:
    """The same route gives the same numbers."""
    metrics = Metrics()
    assert metrics.route("crm") is metrics.route("crm")


def test_ten_thousand_routes_are_small() -> None:
    """A route that nobody has used yet takes less than 2 KB, so that a configuration may have very many."""
    metrics, names = Metrics(), [f"route-{number}" for number in range(10_000)]
    tracemalloc.start()
    try:
        metrics.keep(names, [])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2_000 * len(names)


def test_registry_tells_a_route() -> None:
    """The registry has the routes' series too, for whoever reads it without an exposition."""
    metrics = filled()
    answer(metrics.route("crm"), "GET", 200)
    assert metrics.registry.get_sample_value("bearerd_requests_total", {"route": "crm", "method": "GET", "status": "200"}) == 1


def test_per_route_off() -> None:
    """Without per_route every route counts under an empty label, connections too."""
    metrics = filled(per_route=False)
    answer(metrics.route("crm"), "GET", 200)
    shown = exposed(metrics)
    assert shown["requests_total{method=GET,route=,status=200}"] == 1
    assert shown["upstream_connections{route=,state=active}"] == 5
    assert not [name for name in shown if "crm" in name]


def test_token_events() -> None:
    """Fetches count by outcome, waiters and discards by alias; a state change counts nothing."""
    metrics = filled()
    metrics.token_fetched("salesforce", seconds=0.2, error=None, lifetime=3600)
    metrics.token_fetched("salesforce", seconds=0.2, error=TokenInvalidClientError(alias="salesforce"), lifetime=None)
    metrics.token_waited("salesforce")
    metrics.token_discarded("salesforce", "refused", age=3.0)
    metrics.token_state("salesforce", "expired", cause=None, until=None)
    shown = exposed(metrics)
    assert shown["token_fetches_total{alias=salesforce,outcome=ok}"] == 1
    assert shown["token_fetches_total{alias=salesforce,outcome=token_invalid_client}"] == 1
    assert shown["token_fetch_duration_seconds_count{alias=salesforce}"] == 2
    assert shown["token_waiters_total{alias=salesforce}"] == 1
    assert shown["token_discards_total{alias=salesforce,reason=refused}"] == 1
    assert shown["token_state{alias=salesforce,state=expired}"] == 0


@pytest.mark.parametrize(("outcome", "timestamp"), [("ok", 2.0), ("failed", 1.0)])
def test_reloaded(outcome: str, timestamp: float) -> None:
    """Only a reload that succeeded moves the timestamp; each counts under its outcome."""
    times = iter([1.0, 2.0])
    metrics = Metrics(clock=lambda: next(times))
    metrics.reloaded("ok" if outcome == "ok" else "failed")
    shown = exposed(metrics)
    assert shown[f"config_reloads_total{{outcome={outcome}}}"] == 1
    assert shown["config_last_reload_success_timestamp_seconds"] == timestamp


def test_keep_forgets_what_a_reload_removed() -> None:
    """Series of a removed route or alias go; those that stay keep their counts."""
    metrics = filled()
    metrics.route("erp").retried("connect")
    metrics.watch_tokens(tuple)
    metrics.watch_connections(tuple)
    metrics.keep(["erp", "new"], ["azure"])
    shown = exposed(metrics)
    assert not [name for name in shown if "crm" in name or "salesforce" in name]
    assert shown["retries_total{reason=connect,route=erp}"] == 1
    assert shown["requests_in_flight{route=new}"] == 0
    assert shown["token_waiters_total{alias=azure}"] == 0


def test_a_fetch_that_lands_after_its_alias_went() -> None:
    """What a removed alias still does brings its series back no more; an alias that is there again counts."""
    metrics = filled()
    metrics.watch_tokens(tuple)
    metrics.keep([], ["azure"])
    metrics.token_fetched("salesforce", seconds=1.0, error=None, lifetime=60.0)
    assert not [name for name in exposed(metrics) if "salesforce" in name]
    metrics.keep([], ["azure", "salesforce"])
    metrics.token_fetched("salesforce", seconds=1.0, error=None, lifetime=60.0)
    assert exposed(metrics)["token_fetches_total{alias=salesforce,outcome=ok}"] == 1


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=1.0.0", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text; version=junk", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_expose_negotiates(accept: str, content_type: str) -> None:
    """OpenMetrics where the scraper names it, else the text format; nothing of Accept comes back."""
    assert filled().expose(accept)[1] == content_type


def test_reading_takes_what_is_there_now() -> None:
    """What is watched is read at once; the text of it may be made later, in another thread."""
    metrics = filled()
    later = metrics.reading()
    metrics.watch_tokens(lambda: [Snapshot("salesforce", "expired", 1, 2)])
    with ThreadPoolExecutor(1) as threads:
        body, _ = threads.submit(later).result()
    assert b'bearerd_token_expiry_timestamp_seconds{alias="salesforce"} 50.0' in body


def test_openmetrics_parses() -> None:
    """The OpenMetrics form is one that a strict parser takes, with its end mark."""
    body, _ = filled().expose("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert "bearerd_requests" in {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]  # untyped there


def test_promtool_accepts() -> None:
    """Prometheus' own checker has nothing to say about the text format."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: the exposition was not checked by Prometheus' own tool")
    checked = subprocess.run([promtool, "check", "metrics"], input=filled().expose()[0], capture_output=True, check=False, timeout=30)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
