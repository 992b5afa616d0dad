"""What Proxy-Status says of a relayed answer, and how an answer of our own looks.

One wording everywhere: `code; facts; change KEY` (RFC 9209 §2.1.3 takes it as details, RFC 9457 as detail).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from proxy.errors import Details, MethodNotAllowedError, SubjectTokenMissingError
from proxy.http.headers import encode_head
from proxy.http.retry import SERVER_ERROR

if TYPE_CHECKING:
    from proxy.errors import ProxyError
    from proxy.http.wire import Header

REASONS = {  # a decision's reason -> (facts, the key that repairs it; {route} and {alias} are filled in)
    "new_token_refused": ("the API refuses a token that was just obtained; not replayed again", "credentials.{alias}.audience"),
    "refused_cooldown": ("the API refused a new token a moment ago; no other is fetched for now", "credentials.{alias}.audience"),
    "foreign_challenge": (
        "the API asks for something other than a bearer token; the token was kept",
        "routes.{route}.expired_when.challenge",
    ),
    "replay_disabled": ("the route does not replay a refused call", "routes.{route}.unauthorized"),
    "not_idempotent": ("not replayed, since the method is not idempotent", "routes.{route}.unauthorized"),
    "body_not_replayable": ("not sent again, since the body was larger than what is kept", "routes.{route}.replay.memory"),
    "attempts_spent": ("sent as often as the route allows", None),
    "retry_after_too_long": ("the API's Retry-After is over the cap", "routes.{route}.retry.retry_after_cap"),
    "deadline": ("no time is left for another attempt", "routes.{route}.timeout.total"),
    "budget_spent": ("the route's retry budget is spent", None),
}
REASON_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def healed(*, age: float, fetch_ms: float) -> Details:
    """Of a call that was replayed with a new token."""
    return Details("token_replaced", f"refused after {duration(age)}, replaced in {fetch_ms:.0f} ms, replayed")


def retried(*, reason: str, sends: int) -> Details:
    """Of a call that was sent more than once because something failed."""
    return Details("retried", f"{reason}, sent {sends} times")


def not_replayed(reason: str, *, status: int, route: str, alias: str | None, renewed: bool) -> Details:
    """Of an answer that was passed on although it failed."""
    facts, key = REASONS.get(reason, (reason, None))
    if reason == "not_idempotent" and status >= SERVER_ERROR:
        key = None  # no `unauthorized` replays it
    if renewed:
        facts += "; a new token is ready"
    return Details(reason, facts, key.format(route=route, alias=alias) if key else None)


def refetch_failed(error: ProxyError) -> Details:
    """Of a refused token that could not be replaced: the API's own answer goes back."""
    return Details("refetch_failed", f"{error.code}; alias '{error.alias}': {error.facts}", error.key, end="not replayed")


def insufficient_scope(*, asked: tuple[str, ...], granted: tuple[str, ...] | None, needed: str, alias: str) -> Details:
    """Of an API's insufficient_scope (RFC 6750 §3.1), which no new token repairs."""
    facts = scopes(asked=asked, granted=granted, needed=needed)
    return Details("insufficient_scope", facts, f"credentials.{alias}.scope", end="not retried")


def scopes(*, asked: tuple[str, ...], granted: tuple[str, ...] | None, needed: str = "") -> str:
    """`asked a; granted b; needed c`; `granted` is None where the token endpoint did not say (RFC 6749 §5.1)."""
    parts = [f"asked {' '.join(asked) or 'none'}"]
    parts.append(f"granted {' '.join(granted)}" if granted is not None else "granted as asked")
    if needed:
        parts.append(f"needed {needed}")
    return "; ".join(parts)


def proxy_status(details: str, *, error: str | None = None) -> Header:
    """The Proxy-Status field (RFC 9209 §2); details as a structured string of printable ASCII."""
    shown = "".join(character if " " <= character <= "~" else "?" for character in details)
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    kind = f"error={error}; " if error else ""
    return b"Proxy-Status", f'bearerd; {kind}details="{quoted}"'.encode("ascii")


def problem(error: ProxyError, *, request_id: str, minor: int, close: bool, head_only: bool) -> bytes:
    """The whole answer to a request that failed: problem+json (RFC 9457) with Proxy-Status."""
    told: dict[str, object] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "origin": error.origin,
        "alias": error.alias,
        "key": error.key,
        "request_id": request_id,
    }
    body = json.dumps({name: value for name, value in told.items() if value is not None}).encode("ascii") + b"\n"
    headers: list[Header] = [
        (b"Content-Type", b"application/problem+json"),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        proxy_status(error.detail, error=error.proxy_error),
        (b"X-Request-Id", request_id.encode("ascii")),
    ]
    if isinstance(error, MethodNotAllowedError):
        headers.append((b"Allow", ", ".join(error.allow).encode("ascii")))
    if isinstance(error, SubjectTokenMissingError):
        headers.append((b"WWW-Authenticate", b"Bearer"))  # RFC 9110 §15.5.2: a 401 says what it wants
    if error.retry_after is not None:
        headers.append((b"Retry-After", b"%d" % max(1, math.ceil(error.retry_after))))
    if close:
        headers.append((b"Connection", b"close"))
    elif not minor:
        headers.append((b"Connection", b"keep-alive"))
    line = f"HTTP/1.1 {error.status} {REASON_PHRASES.get(error.status, 'Error')}".encode("ascii")
    return encode_head(line, headers) + (b"" if head_only else body)


def duration(seconds: float) -> str:
    """A time span as people say it: 840 ms, 12 s, 58 min, 3 h."""
    if seconds < 0.9995:  # noqa: PLR2004  # what would read 1000 ms is a second
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:  # noqa: PLR2004  # two minutes are still told in seconds
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"  # noqa: PLR2004  # and two hours in minutes
