"""The lines of the demonstration, in their order.

Each judges by what the authorization server, the API and the application counted; only who waited, bearerd alone knows.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import time
from typing import TYPE_CHECKING

from proxy.cli.demonstration.stage import SHORT, SLOW
from proxy.cli.demonstration.step import Outcome, Step, same, says

if TYPE_CHECKING:
    from proxy.cli.demonstration.api import Call
    from proxy.cli.demonstration.stage import Stage

MANY = 100  # calls
LARGE = 1 << 20  # bytes
SPAN = SHORT + 1.5  # seconds: the first token is over, the second not yet due
PACE = 0.1  # seconds between two calls
DURING_OUTAGE = 20  # calls
OK, CREATED, UNAUTHORIZED, FORBIDDEN, UNAVAILABLE = 200, 201, 401, 403, 503
WRONG_CONFIGURATION = 2  # exit status
ORDERS, INVOICES, PRICES = "/shop/orders", "/shop/invoices", "/ticker/prices"


def without_bearerd(stage: Stage) -> Outcome:
    """The API alone refuses the application."""
    answer = stage.application_for(stage.api.url).get("/v1/orders")
    return Outcome("401: the API wants a token", (same("status", UNAUTHORIZED, answer.status),))


def first_call(stage: Stage) -> Outcome:
    """A token is fetched and put on the call."""
    answer = stage.application.get(ORDERS)
    return Outcome("200, one token was fetched", (same("status", OK, answer.status),))


def hundred_calls(stage: Stage) -> Outcome:
    """The token is used again."""
    began = time.monotonic()
    answers = [stage.application.get(ORDERS) for _ in range(MANY)]
    seconds = time.monotonic() - began
    checks = (same("statuses", {OK: MANY}, _tally([answer.status for answer in answers])),)
    return Outcome(f"{MANY} times 200 in {seconds:.1f} s, no token request", checks)


def lifetime_passes(stage: Stage) -> Outcome:
    """A token is replaced before it ends, beside the calls."""
    first = stage.application.get(PRICES)  # this one waits: it fetches the first token
    waiting, seen = _waiters(stage, "ticker"), len(stage.api.calls)
    until, answers = time.monotonic() + SPAN, [first]
    while time.monotonic() < until:
        answers.append(stage.application.get(PRICES))
        time.sleep(PACE)
    tokens = {call.token for call in stage.api.calls[seen:]}
    slowest = max(answer.seconds for answer in answers[1:])
    checks = (
        same("statuses", {OK: len(answers)}, _tally([answer.status for answer in answers])),
        same("tokens at the API", 2, len(tokens)),
        same("calls that waited for a token", 0, round(_waiters(stage, "ticker") - waiting)),
    )
    evidence = f"slowest call {slowest * 1000:.0f} ms, while the token endpoint takes {SLOW * 1000:.0f} ms; 1 + 1 token requests"
    return Outcome(f"{len(answers)} times 200, renewed ahead, no call waited", checks, evidence)


def token_revoked(stage: Stage) -> Outcome:
    """A refused token is replaced, and the call replayed."""
    stage.revoke()
    before = len(stage.api.calls)
    answer = stage.application.get(ORDERS)
    attempts = stage.api.calls[before:]
    checks = (
        same("status", OK, answer.status),
        same("statuses at the API", [UNAUTHORIZED, OK], [call.status for call in attempts]),
        same("tokens at the API", 2, len({call.token for call in attempts})),
        says("Proxy-Status", "token_replaced", answer.proxy_status),
    )
    return Outcome("API 401 -> new token -> replay -> 200", checks, _quoted(answer.proxy_status))


def body_replayed(stage: Stage) -> Outcome:
    """The replay carries the same bytes."""
    stage.revoke()
    before = len(stage.api.calls)
    body = os.urandom(LARGE)
    digest = hashlib.sha256(body).hexdigest()
    answer = stage.application.call("POST", ORDERS, body, {"Content-Type": "application/octet-stream"})
    attempts = stage.api.calls[before:]
    checks = (
        same("status", CREATED, answer.status),
        same("statuses at the API", [UNAUTHORIZED, CREATED], [call.status for call in attempts]),
        same("digests at the API", [_short(digest)] * 2, [_short(call.body) for call in attempts]),
        says("Proxy-Status", "token_replaced", answer.proxy_status),
    )
    return Outcome("API 401 -> new token -> replay -> 201", checks, f"SHA-256 sent {_short(digest)}; {_digests(attempts)}")


def scope_too_small(stage: Stage) -> Outcome:
    """A 403 is a matter of rights: the same call would fail the same."""
    answer = stage.application.get(INVOICES)
    checks = (
        same("status", FORBIDDEN, answer.status),
        says("Proxy-Status", "change credentials.shop.scope; not retried", answer.proxy_status),
    )
    return Outcome("403 as it came, sent once, with the key to change", checks, _quoted(answer.proxy_status))


def api_busy(stage: Stage) -> Outcome:
    """What the API asks for is waited."""
    stage.api.outages.append(1)
    before = len(stage.api.calls)
    answer = stage.application.get(ORDERS)
    checks = (
        same("status", OK, answer.status),
        same("statuses at the API", [UNAVAILABLE, OK], [call.status for call in stage.api.calls[before:]]),
        same("waited for 1 s at least", True, answer.seconds >= 1),
        says("Proxy-Status", "retried; status_503", answer.proxy_status),
    )
    return Outcome(f"503 -> waited -> 200 after {answer.seconds:.1f} s", checks, _quoted(answer.proxy_status))


def authorization_server_down(stage: Stage) -> Outcome:
    """A live token needs nobody."""
    stage.end_authorization_server()
    try:
        reached = _reached(stage.server.port)
        answers = [stage.application.get(ORDERS) for _ in range(DURING_OUTAGE)]
    finally:
        stage.restart_authorization_server()
    checks = (
        same("the token endpoint", "refuses connections", reached),
        same("statuses", {OK: DURING_OUTAGE}, _tally([answer.status for answer in answers])),
    )
    return Outcome(f"{DURING_OUTAGE} times 200, the live token serves", checks)


def wrong_alias(stage: Stage) -> Outcome:
    """A mistake in the configuration is told at its place."""
    status, said = stage.start_with("shpo")
    checks = (
        same("exit status", WRONG_CONFIGURATION, status),
        says("the error", "routes[0].credential: no credential 'shpo'; did you mean 'shop' (security-material.yaml:2)?", said),
        same("lines of error", 1, len(said.splitlines())),
    )
    return Outcome(f"refused at load, exit status {status}", checks, said)


STEPS = (
    Step("-", "without bearerd: GET /v1/orders", without_bearerd),
    Step("1", "the first call, GET /shop/orders", first_call, token_requests=1),
    Step("2", f"{MANY} calls more", hundred_calls),
    Step("3", f"tokens of {SHORT} s, calls for {SPAN} s", lifetime_passes, token_requests=2),
    Step("4", "the token is revoked, then GET", token_revoked, token_requests=1, again=1),
    Step("5", "revoked again, then POST of 1 MiB", body_replayed, token_requests=1, again=1),
    Step("6", "GET /shop/invoices, scope too small", scope_too_small),
    Step("7", "the API says 503, Retry-After: 1", api_busy, again=1),
    Step("8", "authorization server down, 20 calls", authorization_server_down),
    Step("9", "start with a misspelt alias", wrong_alias),
)


def _tally(statuses: list[int]) -> dict[int, int]:
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def _short(digest: str) -> str:
    return f"{digest[:8]}..{digest[-4:]}"


def _digests(attempts: list[Call]) -> str:
    return "the API saw " + " and ".join(f"{_short(call.body)} ({call.status})" for call in attempts)


def _quoted(proxy_status: str) -> str:
    return f"Proxy-Status: {proxy_status}"


def _reached(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SHORT)
    try:
        connection.connect()
    except ConnectionRefusedError:
        return "refuses connections"
    finally:
        connection.close()
    return "accepts connections"


def _waiters(stage: Stage, alias: str) -> float:
    """How many calls waited for a token of the alias, by bearerd's own metric."""
    page = stage.metrics()
    name = f'bearerd_token_waiters_total{{alias="{alias}"}} '
    return sum(float(line.removeprefix(name)) for line in page.splitlines() if line.startswith(name))
