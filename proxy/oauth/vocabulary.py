"""The names that a template may hold, and the one kind that needs nothing but a clock: `now:FORMAT`.

Pure: the time is given. A name is shown back only where it reads like one, for what stands in its place may be a secret.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from proxy.oauth.answer import Path

_SHOWABLE = re.compile(r"[!-~]{1,64}")
_INTO_AN_ANSWER = re.compile(r"(?:response|step[1-9][0-9]?)\.([^{}]+)")
_DIRECTIVE = "%[aAbBcdDeFfGgHIjmMpRSTuUVwWxXyYZz%]"  # no %s: it would be the local time
_STRFTIME = rf"(?:[ -$&-z|~]|{_DIRECTIVE})*"
_NOW = re.compile(rf"now(?:([+-](?:[0-9]{{1,5}}(?=[hd])|[0-9]{{1,8}}(?=[sm])))([smhd]))?:(epoch|epoch_ms|iso|(?=[^%]*%){_STRFTIME})")
_EPOCH = datetime.fromtimestamp(0, UTC)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

_PLAIN = frozenset(
    {
        *("client_id", "client_secret", "username", "password", "refresh_token", "token"),
        *("subject", "assertion", "random", "request.method", "request.path"),
    }
)
_FORMS = {  # as a user writes them -> what they match
    "values.NAME": re.compile(r"values\.[A-Za-z_][A-Za-z0-9_-]{0,63}"),
    "env:NAME": re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}"),
    "now:FORMAT": _NOW,
}
_PATHS = ("response.PATH", "step1.PATH")
_FIRST_WORDS = {re.split(r"[.:]", form)[0]: form for form in (*_FORMS, *_PATHS)} | {"step": "step1.PATH", "request": "request.path"}


def known(name: str) -> bool:
    """Whether a template may hold `${name}`."""
    if found := _INTO_AN_ANSWER.fullmatch(name):
        return _wrong_path(found[1]) is None
    return name in _PLAIN or any(form.fullmatch(name) for form in _FORMS.values())


def unknown(name: str) -> str:
    """The sentence for a name that there is not, with the nearest that there is."""
    if not _SHOWABLE.fullmatch(name):
        return "a ${...} holds no name; a literal ${ is written $${"
    if found := _INTO_AN_ANSWER.fullmatch(name):
        return f"${{{name}}}: {_wrong_path(found[1])}"
    from difflib import get_close_matches  # noqa: PLC0415  # where every name is known, nothing is near

    near = get_close_matches(name.lower(), sorted(_PLAIN), n=1, cutoff=0.7)
    word = re.split(r"[^a-z0-9]", name.lower(), maxsplit=1)[0]
    near = near or [_FIRST_WORDS[found] for found in get_close_matches(word, _FIRST_WORDS, n=1, cutoff=0.7)]
    hint = f"did you mean ${{{near[0]}}}?" if near else f"known are {', '.join((*sorted(_PLAIN), *_FORMS, *_PATHS))}"
    return f"${{{name}}} is no name; {hint}"


def _wrong_path(path: str) -> str | None:
    try:
        Path.parse(path)
    except ValueError as exc:
        return str(exc)
    return None


def moment(name: str, epoch: float) -> str:
    """What `now:FORMAT`, `now+7d:FORMAT` or `now-5m:FORMAT` stands for at `epoch` seconds; UTC.

    Raises:
        ValueError: another name, or a time outside the years 1 to 9999.
    """
    found = _NOW.fullmatch(name)
    if found is None:
        raise ValueError("expected now:FORMAT, now+7d:FORMAT or now-5m:FORMAT")
    amount, unit, form = found.groups()
    try:
        when = datetime.fromtimestamp(epoch, UTC) + (timedelta(**{_UNITS[unit]: int(amount)}) if amount else timedelta())
    except (ValueError, OverflowError, OSError):
        raise ValueError("the time is outside the years 1 to 9999") from None
    match form:
        case "epoch":
            return str((when - _EPOCH) // timedelta(seconds=1))
        case "epoch_ms":
            return str((when - _EPOCH) // timedelta(milliseconds=1))
        case "iso":
            return when.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return when.strftime(form)
