"""The report of a probe: lines for people, a JSON list for programs.

The list's names are a contract: `{alias, route, token: {ok, ...}, api: {ok, ...}}`; a stage that did not run is null.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proxy.cli.probing.plainly import with_place
from proxy.cli.probing.shown import audience_of, header_and_claims, masked, masked_text
from proxy.cli.wording import WIDTH, printable, wrapped
from proxy.oauth.walk import presented

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxy.cli.probing.diagnosis import Failure
    from proxy.cli.probing.stages import Called, Minted, Result
    from proxy.oauth.token import Token
    from proxy.settings.places import Places

_TIMES = ("exp", "iat", "nbf", "auth_time")  # claims in epoch seconds (RFC 7519 §4.1)
_UNDER = " " * 18


def document(results: Sequence[Result]) -> list[dict[str, object]]:
    """What `--json` prints."""
    return [
        {
            "alias": result.target.alias,
            "route": result.target.route.name if result.target.route else None,
            "token": _token(result.minted) if result.minted else None,
            "api": _api(result.called, _secrets(result)) if result.called else None,
        }
        for result in results
    ]


def lines(results: Sequence[Result], places: Places, width: int = WIDTH) -> Iterator[str]:
    """What is printed for people, no line wider than `width`; an alias's token is told once."""
    for line in _lines(results, places):
        yield from wrapped(line, width, _UNDER)


def _lines(results: Sequence[Result], places: Places) -> Iterator[str]:
    told: str | None = None
    for result in results:
        alias = result.target.alias
        if alias is None or alias != told:
            yield from [""] if told is not None else []
            told = alias or ""
            yield alias or f"{_name(result)} (no credential)"
            if result.minted is not None:
                yield from _token_lines(result.minted, places)
        yield from _api_lines(result, places)


def _secrets(result: Result) -> tuple[str, ...]:
    return result.minted.secrets if result.minted else ()


def _name(result: Result) -> str:
    return result.target.route.name if result.target.route else ""


def _token(minted: Minted) -> dict[str, object]:
    token = minted.token
    header, claims = header_and_claims(token.value, minted.secrets) if token else (None, None)
    return {
        "ok": minted.ok,
        "state": minted.state,
        **_failure(minted.failure, minted.secrets),
        "checks": [{"name": check.name, "ok": check.ok, "detail": masked_text(check.detail, minted.secrets)} for check in minted.checks],
        "expires_in": round(token.lifetime) if token and not minted.static else None,
        "scope": masked(list(_scope(minted)), minted.secrets) if token and not minted.static else None,
        "claims": claims,
        "header": header,
    }


def _api(called: Called, secrets: Sequence[str]) -> dict[str, object]:
    return {"ok": called.failure is None, "status": called.status, **_failure(called.failure, secrets)}


def _failure(failure: Failure | None, secrets: Sequence[str]) -> dict[str, object]:
    if failure is None:
        return {"code": None, "key": None, "detail": None}
    said = failure.details
    return {"code": said.code, "key": said.key, "detail": masked_text(str(said), secrets)}


def _scope(minted: Minted) -> Sequence[str]:
    """What was granted; without a word of the server that is what was asked (RFC 6749 §5.1)."""
    granted = minted.token.scope if minted.token else None
    return tuple(minted.credential.scope) if granted is None else granted


def _token_lines(minted: Minted, places: Places) -> Iterator[str]:
    secrets, token = minted.secrets, minted.token
    if not minted.asked:
        yield _line("token", "-", f"not probed: needs a caller's token; {_presenting(minted)}")
        return
    if minted.failure is not None:
        subject = f"Alias '{minted.credential.alias}'"
        first, *more = _explained(subject, minted.failure, places, secrets, end="Nothing was sent to the API.")
        yield _line("token", "FAILED", first)
        yield from (_UNDER + line for line in more)
        yield f"{_UNDER}checks: {_ways(minted)}"
    if token is None:
        return
    header, claims = header_and_claims(token.value, secrets)
    yield _line("token", "ok", "sent as it is, without a token endpoint" if minted.static else _told(minted, token, claims))
    if isinstance(header, dict):
        yield f"{_UNDER}header {_members(header)}"
    if isinstance(claims, dict):
        yield f"{_UNDER}claims {_members(claims)}"
    yield from (f"{_UNDER}{check.name}: {check.detail}" for check in minted.checks if not check.ok)


def _told(minted: Minted, token: Token, claims: object) -> str:
    """`fresh, 3600 s, scope api, audience crm, in 12 ms`."""
    scope = printable(masked_text(" ".join(_scope(minted)), minted.secrets)) or "none"
    audience = printable(" ".join(audience_of(claims))) or _audience_asked(minted)
    stated = "" if token.scope is not None else " (as asked)"
    return f"{minted.state}, {round(token.lifetime)} s, scope {scope}{stated}, audience {audience}, in {_ms(minted.seconds)}"


def _presenting(minted: Minted) -> str:
    """How to give what is needed."""
    headers = (name for name, _ in presented(minted.credential.grant).values())
    return " ".join(f"--present {header}=@FILE" for header in headers)


def _ways(minted: Minted) -> str:
    """`dns ok, connect ok, http FAILED`: what was not reached is left out, and why it failed stands above."""
    told = [
        f"{check.name} ok{f' ({check.detail})' if check.detail else ''}" if check.ok else f"{check.name} FAILED"
        for check in minted.checks
        if check.ok is not None
    ]
    return printable(masked_text(", ".join(told), minted.secrets))


def _audience_asked(minted: Minted) -> str:
    asked = getattr(minted.credential.grant, "audience", None)  # not every grant has one
    return f"{asked} (as asked)" if asked else "not stated"


def _api_lines(result: Result, places: Places) -> Iterator[str]:
    route, called = result.target.route, result.called
    if route is None:
        yield _line("api", "-", "not probed: no route uses this alias")
    elif route.probe.path is None:
        key = f"routes.{route.name}.probe.path"
        yield _line(
            "api", "-", f"not probed: set {key}" if places.tell(key) else "not probed: a path to call is said in a file alone, probe.path"
        )
    elif called is None:
        yield _line("api", "-", f"not called: there is no token for route {route.name}")
    else:
        upstream = route.upstream
        asked = f"GET {upstream.scheme}://{upstream.authority}{route.probe.path}"
        answered = f"answered {called.status}" if called.status is not None else "was not answered"
        yield _line("api", "ok" if called.failure is None else "FAILED", f"{asked} {answered}, in {_ms(called.seconds)}")
        if called.failure is not None:
            yield from (_UNDER + line for line in _explained(f"Route '{route.name}'", called.failure, places, _secrets(result)))


def _explained(subject: str, failure: Failure, places: Places, secrets: Sequence[str], *, end: str = "") -> Iterator[str]:
    """The sentence; the code and where it happened; where the key stands."""
    said = failure.details
    change = f"Change {said.key}." if said.key else "Nothing to change."
    yield printable(masked_text(f"{subject}: {said.facts}. {change} {end}".rstrip(), secrets))
    yield printable(with_place(said.code, masked_text(failure.place, secrets)))
    place = places.tell(said.key) if said.key else None
    if place is not None:
        yield f"{place}: {said.key}"


def _members(said: Mapping[str, object]) -> str:
    return json.dumps({name: _time(value) if name in _TIMES else value for name, value in said.items()})


def _time(value: object) -> object:
    """Epoch seconds as a date; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return value


def _line(stage: str, word: str, text: str) -> str:
    return f"  {stage:<7} {word:<7} {text}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
