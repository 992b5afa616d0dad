"""proxy/http/told.py: the words of Proxy-Status and the form of an answer of our own."""

from __future__ import annotations

import json

import pytest

from proxy.errors import (
    Details,
    HeadTimeoutError,
    MethodNotAllowedError,
    ProxyError,
    RequestMalformedError,
    RouteBusyError,
    RouteNotFoundError,
    SubjectTokenMissingError,
    TokenInvalidScopeError,
    TokenRateLimitedError,
    UpstreamTimeoutError,
)
from proxy.http import told

ERRORS = [
    RequestMalformedError("facts"),
    RouteNotFoundError("facts"),
    HeadTimeoutError("facts", key="listeners[].head_timeout"),
    TokenInvalidScopeError("facts", alias="crm"),
    UpstreamTimeoutError("facts", key="routes.crm.timeout.response"),
]


def parts(answer: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    return line, dict(field.split(b": ", 1) for field in fields), body


def problem(error: ProxyError, *, minor: int = 1, close: bool = True, head_only: bool = False) -> tuple[bytes, dict[bytes, bytes], bytes]:
    return parts(told.problem(error, request_id="id-1", minor=minor, close=close, head_only=head_only))


@pytest.mark.parametrize("error", ERRORS)
def test_an_answer_of_our_own_is_problem_json(error: ProxyError) -> None:
    """RFC 9457's members, ours beside them, the same wording in Proxy-Status (RFC 9209)."""
    line, headers, body = problem(error)
    said = json.loads(body)
    assert line == b"HTTP/1.1 %d %b" % (error.status, told.REASON_PHRASES[error.status].encode())
    assert int(headers[b"Content-Length"]) == len(body)
    assert (headers[b"Content-Type"], headers[b"X-Request-Id"]) == (b"application/problem+json", b"id-1")
    assert (said["status"], said["code"], said["origin"], said["request_id"]) == (error.status, error.code, error.origin, "id-1")
    assert headers[b"Proxy-Status"].decode() == f'bearerd; error={error.proxy_error}; details="{said["detail"]}"'.replace("'", "'")
    assert said.get("key") == error.key


def every(kind: type[ProxyError]) -> list[type[ProxyError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in every(child))]


@pytest.mark.parametrize("kind", every(ProxyError), ids=lambda kind: kind.code)
def test_every_status_has_its_phrase(kind: type[ProxyError]) -> None:
    """No answer of ours says `Error` for its reason."""
    assert kind.status in told.REASON_PHRASES


@pytest.mark.parametrize(
    ("minor", "close", "connection"), [(1, True, b"close"), (0, True, b"close"), (1, False, None), (0, False, b"keep-alive")]
)
def test_an_answer_says_what_becomes_of_the_connection(minor: int, close: bool, connection: bytes | None) -> None:  # noqa: FBT001  # a column of the table
    """In both versions."""
    assert problem(ERRORS[0], minor=minor, close=close)[1].get(b"Connection") == connection


@pytest.mark.parametrize(
    ("error", "allow"),
    [
        (MethodNotAllowedError(allow=("GET", "HEAD")), b"GET, HEAD"),
        (MethodNotAllowedError(allow=()), b""),
        (MethodNotAllowedError(), b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        (RouteNotFoundError(), None),
    ],
)
def test_a_refused_method_is_told_what_is_allowed(error: ProxyError, allow: bytes | None) -> None:
    """A 405 has Allow (RFC 9110 §15.5.6), an empty one where nothing is; no other answer has."""
    assert problem(error)[1].get(b"Allow") == allow


@pytest.mark.parametrize(
    ("error", "challenge"),
    [(SubjectTokenMissingError("it is missing"), b"Bearer"), (MethodNotAllowedError(), None), (RouteBusyError(), None)],
)
def test_a_401_of_our_own_says_what_it_wants(error: ProxyError, challenge: bytes | None) -> None:
    """A challenge (RFC 9110 §15.5.2); no other answer has one."""
    assert problem(error)[1].get(b"WWW-Authenticate") == challenge


def test_an_answer_to_head_has_no_body() -> None:
    """It keeps its Content-Length (RFC 9110 §9.3.2)."""
    _, headers, body = problem(ERRORS[0], head_only=True)
    assert (headers[b"Content-Length"], body) == (problem(ERRORS[0])[1][b"Content-Length"], b"")


@pytest.mark.parametrize(("seconds", "told"), [(None, False), (76.2, True)])
def test_a_rate_limit_says_when_it_ends(seconds: float | None, *, told: bool) -> None:
    """The facts hold the seconds that Retry-After says, at each answer anew."""
    error = TokenRateLimitedError("the token endpoint answered 429", alias="crm")
    detail = json.loads(problem(error.again(seconds) if seconds else error)[2])["detail"]
    assert ("; the next try is in 77 s; nothing was sent" in detail) == told


@pytest.mark.parametrize(("seconds", "value"), [(None, None), (0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (1.01, b"2"), (30.0, b"30")])
def test_retry_after_is_rounded_up(seconds: float | None, value: bytes | None) -> None:
    """Whole seconds, never zero (RFC 9110 §10.2.3)."""
    assert problem(TokenRateLimitedError("x", alias="crm", retry_after=seconds))[1].get(b"Retry-After") == value


@pytest.mark.parametrize(
    ("details", "value"),
    [
        ("plain", 'details="plain"'),
        ('say "hi"', 'details="say \\"hi\\""'),
        ("a\\b", 'details="a\\\\b"'),
        ("line\r\nX-Evil: 1", 'details="line??X-Evil: 1"'),
        ("caf\xe9\x00\x7f", 'details="caf???"'),
    ],
)
def test_details_stay_one_structured_string(details: str, value: str) -> None:
    """RFC 8941 §3.3.3: printable ASCII with quotes escaped; no line end gets in."""
    assert told.proxy_status(details) == (b"Proxy-Status", f"bearerd; {value}".encode())


REASONS = [
    "new_token_refused",
    "refused_cooldown",
    "foreign_challenge",
    "replay_disabled",
    "not_idempotent",
    "body_not_replayable",
    "attempts_spent",
    "retry_after_too_long",
    "deadline",
    "budget_spent",
]


@pytest.mark.parametrize("renewed", [True, False])
@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_told(reason: str, renewed: bool) -> None:  # noqa: FBT001  # a column of the table
    """Code, facts and key; that a new token is ready is said only where one is (rule 5)."""
    details = told.not_replayed(reason, status=401, route="r", alias="crm", renewed=renewed)
    assert (details.code, "a new token is ready" in details.facts) == (reason, renewed)
    assert details.facts != reason
    assert details.key is None or details.key.startswith(("routes.r.", "credentials.crm."))


@pytest.mark.parametrize(("status", "key"), [(200, "routes.r.unauthorized"), (401, "routes.r.unauthorized"), (503, None)])
def test_a_method_that_is_not_idempotent(status: int, key: str | None) -> None:
    """After a 5xx no mode replays it, so no key is named."""
    assert told.not_replayed("not_idempotent", status=status, route="r", alias="crm", renewed=True).key == key


@pytest.mark.parametrize(
    ("asked", "granted", "needed", "details"),
    [
        (("api",), ("chatter",), "full", "asked api; granted chatter; needed full"),
        ((), None, "", "asked none; granted as asked"),
        (("a", "b"), (), "", "asked a b; granted "),
    ],
)
def test_a_scope_too_small_is_told(asked: tuple[str, ...], granted: tuple[str, ...] | None, needed: str, details: str) -> None:
    """What was asked, granted and needed, and the key that repairs it."""
    said = told.insufficient_scope(asked=asked, granted=granted, needed=needed, alias="crm")
    assert str(said) == f"insufficient_scope; {details}; change credentials.crm.scope; not retried"


def test_a_failed_refetch_is_told() -> None:
    """With the token endpoint's own cause (rule 4), and without a word that would say that the API was not asked."""
    details = told.refetch_failed(TokenInvalidScopeError("no; change nothing", alias="crm"))
    assert details.key == "credentials.crm.scope"
    assert str(details) == (
        "refetch_failed; token_invalid_scope; alias 'crm': no; change nothing; change credentials.crm.scope; not replayed"
    )


@pytest.mark.parametrize(
    ("said", "details"),
    [
        (told.healed(age=3480.0, fetch_ms=84.4), "token_replaced; refused after 58 min, replaced in 84 ms, replayed; nothing to change"),
        (told.retried(reason="status_503", sends=2), "retried; status_503, sent 2 times; nothing to change"),
    ],
)
def test_a_healed_call_is_told(said: Details, details: str) -> None:
    """What was done for it."""
    assert str(said) == details


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.84, "840 ms"),
        (0.9999, "1 s"),
        (1, "1 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (3480, "58 min"),
        (7200, "2 h"),
        (90000, "25 h"),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds: float, text: str) -> None:
    """The largest unit that says something."""
    assert told.duration(seconds) == text
