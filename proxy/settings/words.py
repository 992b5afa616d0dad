"""Which word was meant: the nearest name, another tool's word, and what this release does not have yet.

A wrong value is never quoted back; a key or an alias is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from proxy.settings.foreign import CHOICES, CREDENTIAL, FOREIGN, VALUE
from proxy.settings.problems import quoted

_LATER: tuple[tuple[re.Pattern[str], frozenset[object] | None, str], ...] = (
    (re.compile(r"workers"), None, "this release runs one process: leave the key out, or say 1"),
    (re.compile(r"token_store\.type"), frozenset({"sqlite", "redis"}), "this release keeps tokens in memory only: memory"),
    (
        re.compile(r"credentials\..+\.type"),
        frozenset({"oauth2_authorization_code", "oauth2_device_code", "authorization_code", "device_code"}),
        "not in this release: a person would have to log in",
    ),
)
_MISSING = {
    "credential": "; name an alias, or say `none` for a route without a token",
    "type": "; write one such as oauth2_client_credentials",
}

SECTIONS: Mapping[str, str] = {
    "actor_token": "{from: ALIAS}",
    "admin": "{address: 127.0.0.1:6751}",
    "assertion": "{kid: NAME}",
    "body": "{contains: expired}",
    "egress": "{proxy: http://proxy.example:3128}",
    "expired_when": "{status: [401]}",
    "inject": "{headers: {X-Env: prod}}",
    "lifetime": "{refresh_before: 60s}",
    "listeners": "{address: 127.0.0.1:6750}",
    "log": "{level: info}",
    "metrics": "{address: 127.0.0.1:6752}",
    "params": "{key: audience, value: x}",
    "pool": "{connections: 100}",
    "probe": "{path: /me}",
    "proxy": "{url: http://proxy.example:3128}",
    "refresh": "{token_url: https://login.example/refresh}",
    "replay": "{memory: 1MiB}",
    "retry": "{attempts: 3}",
    "rewrite": "{location: true}",
    "steps": "{token_url: https://login.example/session}",
    "subject_token": "{from: ALIAS}",
    "timeout": "{response: 5s}",
    "tls": "{ca: corporate.pem}",
    "token_placement": "{header: X-API-Key}",
    "token_request": "{timeout: 10s}",
    "token_response": "{access_token: data.token}",
    "token_store": "{type: memory}",
}
_NAMED = re.compile(r"`(\w+)")  # an answer names the right key first


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415  # where every word is known, nothing is near

    found = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return found[0] if found else None


def answer(parent: str, name: str, known: Sequence[str]) -> str:
    """What to say about the key `name` under `parent`, where only `known` keys may stand."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
    if snake in known:
        return f"unknown key; did you mean `{snake}`?"
    is_value = snake in VALUE and "value" in known and "client_secret" not in known
    for where, foreign in FOREIGN:
        if is_value and foreign is CREDENTIAL:  # which is about those that have a client
            return "unknown key; here it is `value`"
        if where.fullmatch(parent) and snake in foreign:
            return f"unknown key; {foreign[snake]}"
    if not parent and name.startswith("x-"):  # where Compose keeps its anchors
        return "unknown key; put an anchor where it is used first, and what routes share under `defaults`"
    near = nearest(snake, known)
    return f"unknown key; did you mean `{near}`?" if near else f"unknown key; known are {', '.join(sorted(known))}"


def explained(parent: str, names: Iterable[str], known: Sequence[str]) -> frozenset[str]:
    """Those of `known` that the answer to an unknown one of `names` speaks of: nobody misses them besides."""
    answers = [answer(parent, name, known) for name in names if name not in known]
    return frozenset(found[1] for text in answers if (found := _NAMED.search(text))).intersection(known)


def later(key: str, value: object) -> str | None:
    """What to say of a value that the configuration knows and this release does not have."""
    for where, values, text in _LATER:
        if where.fullmatch(key) and (values is None or (isinstance(value, str) and value in values)):
            return text
    return None


def missing(name: str) -> str:
    """What to say of a required key that is not there."""
    return "this key is missing" + _MISSING.get(name, "")


def empty(name: str) -> str:
    """What to say of a required key that is there and has no value."""
    return "expected a value, got nothing" + _MISSING.get(name, "")


def section(key: str) -> str:
    """An example of the mapping that stands under `key`; "" where its keys are told elsewhere."""
    return SECTIONS.get(re.sub(r"\[\d+\]$", "", key.rpartition(".")[2]), "")


def wrong_choice(key: str, value: object, choices: Sequence[object]) -> str:
    """What to say of a value that is none of `choices`."""
    if isinstance(value, str) and value in [str(choice).lower() for choice in choices if not isinstance(choice, str)]:
        return f"expected {value}; leave out the quotes"
    if said := later(key, value):
        return said
    shown = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices]
    near = nearest(value, shown) if isinstance(value, str) and len(shown) > 1 else None
    theirs = CHOICES.get(key.rpartition(".")[2], {}).get(value.lower().replace("-", "_")) if isinstance(value, str) else None
    near = theirs if theirs in shown else near
    return f"expected {either(shown)}" + (f"; did you mean {near}?" if near else "")


def either(shown: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def no_such_alias(alias: str, known: Mapping[str, str]) -> str:
    """What to say of an alias that is none of `known`, which maps aliases to where each stands."""
    near = nearest(alias, known)
    meant = f"; did you mean {quoted(near)} ({known[near]})?" if near else ""
    return f"no credential {quoted(alias)}{meant}"
