"""proxy/http/retry.py: whether a failed attempt is sent again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.address import UpstreamURL
from proxy.http.retry import (
    MAX_CHALLENGE,
    MAX_TOLD,
    RELAY,
    Attempt,
    Challenge,
    Relay,
    Retry,
    RetryBudget,
    RetryPolicy,
    parse_retry_after,
    read_challenge,
)
from proxy.http.routing import ExpiredWhen, Route
from proxy.http.routing import Retry as Options
from proxy.http.wire import ResponseHead

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT
GET = Attempt(method="GET", left=100.0)
POST = replace(GET, method="POST")
REFUSED = replace(GET, status=401, expired=True)
SCOPE = Challenge("insufficient_scope", "api")
REPLAY = Retry("unauthorized", new_token=True, free=True)


def policy(**facts: Any) -> RetryPolicy:
    facts["retry"] = Options(**facts.pop("retry", {}))
    return RetryPolicy(Route(prefix="/", upstream=UpstreamURL.parse("https://a.test"), credential="crm", name="r", **facts))


@pytest.mark.parametrize(
    ("mode", "attempt", "decision"),
    [
        ("replay", REFUSED, REPLAY),
        ("replay", replace(REFUSED, method="POST"), REPLAY),
        ("replay", replace(REFUSED, challenge=Challenge("bearer")), REPLAY),
        ("replay", replace(REFUSED, challenge=Challenge("unknown")), REPLAY),
        ("replay", replace(REFUSED, newer_token=True), REPLAY),
        ("replay", replace(REFUSED, budget=False), REPLAY),
        ("replay", replace(REFUSED, sends=99, left=0.0), REPLAY),
        ("replay", replace(REFUSED, fresh_token=True), Relay("new_token_refused", remember=True)),
        ("replay", replace(REFUSED, token_replayed=True), Relay("new_token_refused", remember=True)),
        ("replay", replace(REFUSED, token_replayed=True, replayable=False), Relay("new_token_refused", remember=True)),
        ("replay", replace(REFUSED, in_cooldown=True), Relay("refused_cooldown")),
        ("replay", replace(REFUSED, in_cooldown=True, newer_token=True), REPLAY),
        ("replay", replace(REFUSED, replayable=False), Relay("body_not_replayable", renew=True)),
        ("replay", replace(REFUSED, in_cooldown=True, replayable=False), Relay("refused_cooldown")),
        ("replay", replace(REFUSED, challenge=SCOPE), Relay("insufficient_scope")),
        ("replay", replace(REFUSED, challenge=SCOPE, fresh_token=True), Relay("insufficient_scope")),
        ("replay", replace(REFUSED, challenge=Challenge("foreign")), Relay("foreign_challenge")),
        ("replay", replace(REFUSED, has_token=False), Relay()),
        ("replay", replace(REFUSED, has_token=False, challenge=SCOPE), Relay()),
        ("replay", replace(REFUSED, has_token=False, challenge=Challenge("foreign")), Relay()),
        ("replay", replace(REFUSED, has_token=False, status=403, challenge=SCOPE), Relay()),
        ("replay", replace(REFUSED, has_token=False, status=503), Retry("status_503", 0.2)),
        ("replay", replace(REFUSED, status=503), REPLAY),
        ("replay", replace(REFUSED, status=503, method="POST"), Relay("not_idempotent", renew=True)),
        ("replay", replace(REFUSED, status=503, method="POST", idempotency_key=True), REPLAY),
        ("replay", replace(REFUSED, status=499, method="POST"), REPLAY),
        ("replay", replace(REFUSED, status=403), REPLAY),
        ("replay", replace(REFUSED, status=200), REPLAY),
        ("replay_idempotent", REFUSED, REPLAY),
        ("replay_idempotent", replace(REFUSED, method="PUT"), REPLAY),
        ("replay_idempotent", replace(REFUSED, method="POST"), Relay("not_idempotent", renew=True)),
        ("replay_idempotent", replace(REFUSED, method="POST", idempotency_key=True), REPLAY),
        ("replay_idempotent", replace(REFUSED, method="POST", fresh_token=True), Relay("new_token_refused", remember=True)),
        ("pass", REFUSED, Relay("replay_disabled", renew=True)),
        ("pass", replace(REFUSED, in_cooldown=True), Relay("replay_disabled")),
        ("pass", replace(REFUSED, fresh_token=True), Relay("new_token_refused", remember=True)),
        ("pass", replace(REFUSED, challenge=SCOPE), Relay("insufficient_scope")),
    ],
)
def test_the_401_engine(mode: str, attempt: Attempt, decision: Retry | Relay) -> None:
    """Rules 1 to 5: one replay, with a new token, only where that can help."""
    assert policy(unauthorized=mode).decide(attempt) == decision


def test_a_foreign_challenge_is_ignored_where_the_route_says_so() -> None:
    """`challenge: any` renews whatever is offered (rule 3)."""
    route = policy(expired_when=ExpiredWhen(challenge="any"))
    assert route.decide(replace(REFUSED, challenge=Challenge("foreign"))) == REPLAY


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(("challenge", "reason"), [(Challenge("none"), None), (Challenge("bearer"), None), (SCOPE, "insufficient_scope")])
@pytest.mark.parametrize("fresh", [True, False])
def test_403_is_never_sent_again(method: str, challenge: Challenge, reason: str | None, fresh: bool) -> None:  # noqa: FBT001  # a column of the table
    """It is a matter of rights, even where an operator lists 403 among the statuses (MUSTS 14)."""
    attempt = replace(GET, method=method, status=403, challenge=challenge, fresh_token=fresh, idempotency_key=True)
    assert policy(retry={"statuses": (403,), "methods": "all"}).decide(attempt) == Relay(reason)


@pytest.mark.parametrize("challenge", [SCOPE, Challenge("foreign"), Challenge("bearer")])
def test_without_a_token_a_403_says_nothing(challenge: Challenge) -> None:
    """A challenge is between the caller and the API then."""
    assert policy().decide(replace(GET, status=403, challenge=challenge, has_token=False)) == RELAY


@pytest.mark.parametrize(
    ("attempt", "decision"),
    [
        *((replace(GET, status=status), Retry(f"status_{status}", 0.2)) for status in (429, 500, 502, 503, 504)),
        *((replace(GET, status=status), Relay()) for status in (400, 401, 404, 408, 409, 501, 505, 599)),
        *((replace(GET, method=method, status=503), Retry("status_503", 0.2)) for method in ("HEAD", "OPTIONS", "PUT", "DELETE")),
        *((replace(GET, method=method, status=503), RELAY) for method in ("POST", "PATCH", "LOCK", "get")),
        *((replace(GET, method=method, status=503, idempotency_key=True), Retry("status_503", 0.2)) for method in ("POST", "PATCH")),
        (replace(GET, failure="connect"), Retry("connect", 0.2)),
        (replace(GET, failure="closed"), Retry("closed", 0.2)),
        (replace(GET, failure="other"), Relay()),
        (replace(POST, failure="connect"), RELAY),
        (replace(POST, failure="closed"), RELAY),
        (replace(POST, failure="closed_reused"), RELAY),
        (replace(POST, failure="closed_reused", idempotency_key=True), Retry("closed_reused", 0.2)),
        (replace(GET, failure="closed_reused"), Retry("stale_connection", free=True)),
        (replace(GET, failure="closed_reused", sends=9, budget=False, left=0.0), Retry("stale_connection", free=True)),
        (replace(GET, failure="closed_reused", replayable=False), Relay("body_not_replayable")),
        (replace(GET, status=503, replayable=False), Relay("body_not_replayable")),
        (replace(GET, status=503, sends=2), Retry("status_503", 0.4)),
        (replace(GET, status=503, sends=2, fraction=0.5), Retry("status_503", 0.2)),
        (replace(GET, status=503, fraction=0.0), Retry("status_503", 0.0)),
        (replace(GET, status=503, sends=3), Relay("attempts_spent")),
        (replace(GET, status=503, budget=False), Relay("budget_spent")),
        (replace(GET, status=503, left=0.2), Relay("deadline")),
        (replace(GET, status=503, left=0.21), Retry("status_503", 0.2)),
        (replace(GET, status=503, waited=0.0), Retry("status_503", 0.0)),
        (replace(GET, status=503, waited=30.0), Retry("status_503", 30.0)),
        (replace(GET, status=503, waited=30.1), Relay("retry_after_too_long")),
        (replace(GET, status=503, waited=float("inf")), Relay("retry_after_too_long")),
        (replace(GET, status=429, waited=20.0, left=20.0), Relay("deadline")),
        (replace(GET, status=503, has_token=False), Retry("status_503", 0.2)),
    ],
)
def test_other_failures(attempt: Attempt, decision: Retry | Relay) -> None:
    """Rules 6 and 7: only where a second send does no harm, and within every bound."""
    assert policy().decide(attempt) == decision


@pytest.mark.parametrize(
    ("options", "attempt", "decision"),
    [
        ({"attempts": 1}, replace(GET, status=503), Relay()),
        ({"methods": "none"}, replace(GET, status=503), Relay()),
        ({"methods": "all"}, replace(POST, status=503), Retry("status_503", 0.2)),
        ({"methods": "all"}, replace(POST, failure="closed"), Retry("closed", 0.2)),
        ({"connect_errors": False}, replace(GET, failure="connect"), Relay()),
        ({"connect_errors": False}, replace(GET, failure="closed"), Relay()),
        ({"connect_errors": False}, replace(GET, status=503), Retry("status_503", 0.2)),
        ({"statuses": ()}, replace(GET, status=503), Relay()),
        ({"statuses": (418,)}, replace(GET, status=418), Retry("status_418", 0.2)),
        ({"attempts": 30}, replace(GET, status=503, sends=29), Retry("status_503", 8.0)),
        ({"base_delay": 0.0}, replace(GET, status=503), Retry("status_503", 0.0)),
        ({"retry_after_cap": 0.0}, replace(GET, status=503, waited=1.0), Relay("retry_after_too_long")),
        ({"attempts": 2000}, replace(GET, status=503, sends=1999), Retry("status_503", 8.0)),
    ],
)
def test_a_routes_options(options: dict[str, Any], attempt: Attempt, decision: Retry | Relay) -> None:
    """Each option of `retry` does what it says."""
    assert policy(retry=options).decide(attempt) == decision


@pytest.mark.parametrize(
    ("facts", "method", "key", "token", "again"),
    [
        ({}, "POST", False, True, True),
        ({}, "POST", False, False, False),
        ({}, "POST", True, False, True),
        ({}, "PUT", False, False, True),
        ({"unauthorized": "replay_idempotent"}, "POST", False, True, False),
        ({"unauthorized": "replay_idempotent"}, "POST", True, True, True),
        ({"unauthorized": "pass"}, "POST", False, True, False),
        ({"unauthorized": "pass"}, "PUT", False, True, True),
        ({"unauthorized": "pass", "retry": {"methods": "all"}}, "POST", False, True, True),
        ({"retry": {"methods": "none"}}, "PUT", True, False, False),
        ({"retry": {"methods": "none"}}, "PUT", False, True, True),
        ({"retry": {"attempts": 1}}, "PUT", False, False, False),
        ({"retry": {"statuses": ()}}, "PUT", False, False, True),
        ({"retry": {"connect_errors": False}}, "PUT", False, False, True),
        ({"retry": {"statuses": (), "connect_errors": False}}, "PUT", False, False, False),
    ],
)
def test_what_may_be_sent_again(facts: dict[str, Any], method: str, key: bool, token: bool, again: bool) -> None:  # noqa: FBT001  # columns of the table
    """By the route's rules and the request's head alone; where it may not, no body is kept."""
    assert policy(**facts).may_send_again(method, idempotency_key=key, has_token=token) is again


@pytest.fixture
def far_from_greenwich() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC+9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], None),
        ([b"0"], 0.0),
        ([b"120"], 120.0),
        ([b" 7 "], 7.0),
        ([b"007"], 7.0),
        ([b"2", b"9"], 2.0),
        ([b"9999999999999"], 9999999999999.0),
        ([b"9" * 400], float("inf")),
        ([b"-1"], None),
        ([b"1.5"], None),
        ([b"+1"], None),
        ([b"1 s"], None),
        ([b"soon"], None),
        ([b""], None),
        ([b"\xb2"], None),
        ([b"Sun, 06 Nov 1994 08:49:47 GMT"], 10.0),
        ([b"Sunday, 06-Nov-94 08:49:47 GMT"], 10.0),
        ([b"Sun Nov  6 08:49:47 1994"], 10.0),
        ([b"Sun, 06 Nov 1994 08:49:47 -0000"], 10.0),
        ([b"Sun, 06 Nov 1994 08:49:27 GMT"], 0.0),
        ([b"Sun, 06 Nov 1994 09:49:47 +0100"], 10.0),
        ([b"Sun, 99 Nov 1994 08:49:47 GMT"], None),
        ([b"Sun, 06 Nov 1994"], None),
    ],
)
@pytest.mark.usefixtures("far_from_greenwich")
def test_retry_after(values: list[bytes], seconds: float | None) -> None:
    """Seconds, or any of the three date forms (RFC 9110 §5.6.7); a long wait is never taken for none."""
    assert parse_retry_after(values, EPOCH) == seconds


@given(st.binary(max_size=60))
def test_any_retry_after_is_read(value: bytes) -> None:
    """No value raises."""
    seconds = parse_retry_after([value], EPOCH)
    assert seconds is None or seconds >= 0


def answer(*values: bytes) -> ResponseHead:
    return ResponseHead(1, 401, b"", tuple((b"WWW-Authenticate", value) for value in values))


@pytest.mark.parametrize(
    ("values", "challenge"),
    [
        ([], Challenge("none")),
        ([b""], Challenge("unknown")),
        ([b"Bearer"], Challenge("bearer")),
        ([b"bEARER realm=x"], Challenge("bearer")),
        ([b'Bearer realm="a", error="invalid_token"'], Challenge("bearer")),
        ([b'Bearer realm="a",error="invalid_token",error_description="it, error=insufficient_scope"'], Challenge("bearer")),
        ([b'Bearer realm = "a" , error = "insufficient_scope" , scope = "api read"'], Challenge("insufficient_scope", "api read")),
        ([b"BEARER ERROR=INSUFFICIENT_SCOPE, SCOPE=api"], Challenge("insufficient_scope", "api")),
        ([b'Bearer error="insufficient_scope"'], Challenge("insufficient_scope")),
        ([b'DPoP error="insufficient_scope", scope="x"'], Challenge("insufficient_scope", "x")),
        ([b'Bearer realm="say \\"error=insufficient_scope\\", now"'], Challenge("bearer")),
        ([b'Basic realm="Bearer x, Bearer"'], Challenge("foreign")),
        ([b'Basic realm="a, Bearer", charset="UTF-8"'], Challenge("foreign")),
        ([b'Basic realm="a", Bearer realm="b"'], Challenge("bearer")),
        ([b'Basic realm="a"', b"Bearer"], Challenge("bearer")),
        ([b"Negotiate", b"NTLM"], Challenge("foreign")),
        ([b"Negotiate YII=="], Challenge("foreign")),
        ([b"Negotiate, Basic realm=x"], Challenge("foreign")),
        ([b'Digest realm="a", nonce="b, Bearer", qop="auth"'], Challenge("foreign")),
        ([b'Digest realm="a", qop="auth", Bearer'], Challenge("bearer")),
        ([b'Token realm="Application"'], Challenge("unknown")),
        ([b"OAuth"], Challenge("unknown")),
        ([b"AWS4-HMAC-SHA256"], Challenge("unknown")),
        ([b'Basic realm="x", Custom y="z"'], Challenge("unknown")),
        ([b'realm="x"'], Challenge("unknown")),
        ([b'Token error="insufficient_scope"'], Challenge("unknown")),
        ([b"Bearer error=insufficient_scope, scope=" + b"a" * 300], Challenge("insufficient_scope", "a" * MAX_TOLD)),
        ([b'Bearer error=insufficient_scope, scope="a\xe9;b"'], Challenge("insufficient_scope", "ab")),
    ],
)
def test_what_a_challenge_says(values: list[bytes], challenge: Challenge) -> None:
    """Schemes in any case, several in one field, commas within quotes (RFC 9110 §11.6.1, RFC 6750 §3)."""
    assert read_challenge(answer(*values)) == challenge


@given(st.lists(st.one_of(st.binary(max_size=60), st.text('Bearer ="\\, error', max_size=60).map(str.encode)), max_size=3))
def test_any_challenge_is_read(values: list[bytes]) -> None:
    """No value raises, and what is told of it is printable ASCII without quotes."""
    scope = read_challenge(answer(*values)).scope
    assert scope.isascii()
    assert not set(scope) & set('"\\;\r\n')


def test_a_huge_challenge_costs_little() -> None:
    """A field of the largest size is read in milliseconds, not minutes."""
    assert read_challenge(answer(b"Bearer " + b"a" * (200 << 10))) == Challenge("bearer")


def after(calls: int, retries: int) -> RetryBudget:
    budget = RetryBudget()
    for _ in range(calls):
        budget.deposit()
    for _ in range(retries):
        budget.take()
    return budget


@pytest.mark.parametrize(
    ("calls", "retries", "covered"),
    [(0, 0, True), (0, 9, True), (0, 10, False), (5, 10, True), (4, 10, False), (10_000, 99, True), (10_000, 100, False)],
)
def test_the_retry_budget(calls: int, retries: int, covered: bool) -> None:  # noqa: FBT001  # a column of the table
    """A reserve of ten, a fifth per call, never more than a hundred."""
    assert after(calls, retries).covers_one() is covered


@pytest.mark.parametrize("piece", [b"a", b"a ", b", ", b'\\"', b'"\\"', b'a="\\', b",a"])
def test_a_challenge_takes_time_in_proportion(piece: bytes) -> None:
    """Four times as much takes no sixteen times as long; a quoted text without an end reaches to the end."""

    def spent(size: int) -> float:
        head = ResponseHead(1, 401, b"", ((b"WWW-Authenticate", b'Bearer x="' + piece * (size // len(piece)) + b"\\"),))
        began = time.thread_time()
        read_challenge(head)
        return time.thread_time() - began

    assert sorted(spent(MAX_CHALLENGE) for _ in range(3))[1] <= 8 * sorted(spent(MAX_CHALLENGE // 4) for _ in range(3))[1] + 0.02
