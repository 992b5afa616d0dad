"""A credential's options one by one: its secrets, the names in its templates, what shapes its tokens.

One walk for all: an option that is added anywhere is found here.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from proxy.oauth.answer import Path
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

# What may change while all tokens stay the same: who proves it and how, how the endpoint is reached, when a token is renewed.
_UNSHAPING = frozenset(
    {
        *("description", "provider", "lifetime", "client_auth", "basic_encoding", "assertion.alg", "assertion.kid", "assertion.x5t"),
        *("assertion.x5t#S256", "assertion.lifetime", "token_request.timeout", "token_request.proxy"),
        *("allow_plaintext", "allow_link_local"),
    }
)
# What an access token was examined by when it came, or is bound to: another one is needed, which the same refresh token may bring.
_EXAMINING = frozenset({"scope_narrowing", "allowed_hosts", "token_request.tls"})
SECRET_NAMES = frozenset({"client_secret", "password", "refresh_token"})  # the names in templates that are one
SECRET_LIKE = re.compile(r"secret|passw|pwd|token|api_?key|private|credential|(^|[_-])key$", re.IGNORECASE)  # the name of a secret
_ABOUT_ONE = re.compile(  # token_type is no token
    r"^include[_-]?|(type|id|ur[il]|name|method|format|expir[a-z]*|lifetime|ttl|seconds|use|mode|kind|version|policy|question|page)$",
    re.IGNORECASE,
)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every option that is no mapping and no list, with its YAML path: `token_request.params[0].key`."""
    match value:
        case msgspec.Struct():
            dot = f"{path}." if path else ""
            for name, key in _fields(type(value)):
                yield from leaves(getattr(value, name), dot + key)
        case dict():
            for name, member in value.items():
                yield from leaves(member, f"{path}.{name}")
        case tuple() if type(value) is tuple:
            for index, member in enumerate(value):
                yield from leaves(member, f"{path}[{index}]")
        case _:
            yield path, value


@cache  # msgspec reads a type's annotations anew each time, which 10,000 routes feel
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, field.encode_name) for field in msgspec.structs.fields(kind))


def secrets_of(grant: object) -> dict[Secret, str]:
    """The secrets of a credential, each with the path of the option that names it first."""
    found: dict[Secret, str] = {}
    for path, value in leaves(grant):
        for secret in value.secrets if isinstance(value, Tree) else (value,):
            if isinstance(secret, Secret):
                found.setdefault(secret, path)
    return found


def called_secret(name: str) -> bool:
    """Whether what has this name is a secret by it."""
    return bool(SECRET_LIKE.search(name)) and not _ABOUT_ONE.search(name)


def told_openly(grant: object) -> frozenset[Secret]:
    """Those of the secrets that are none: `values` which stand in the configuration in clear, not named like a secret, and nowhere else."""
    named = [(path, value) for path, value in leaves(grant) if isinstance(value, Secret)]
    kept = {secret for path, secret in named if not _in_clear(path, secret)}
    return frozenset(secret for _, secret in named if secret not in kept)


def _in_clear(path: str, secret: Secret) -> bool:
    head, _, name = path.partition(".")
    return head == "values" and secret.kind == "text" and secret.after is None and not called_secret(name)


def names_of(grant: object) -> frozenset[str]:
    """The names in a credential's templates."""
    return frozenset(name for _, value in leaves(grant) if isinstance(value, Template | Tree) for name in value.names)


def options_named(grant: object, name: str) -> dict[str, str]:
    """The text options called `name`, by path: `from`, the aliases whose tokens a grant needs; `header`, what callers present."""
    return {path: value for path, value in leaves(grant) if path.rpartition(".")[2] == name and isinstance(value, str)}


def presented(grant: object) -> dict[str, tuple[str, str]]:
    """The headers of an incoming request, in lower case, in which its caller shows whose token is asked for.

    With each the header as the credential writes it, and the path of the option that does.
    """
    named = [(path, name) for path, name in options_named(grant, "header").items() if not path.startswith("token_placement.")]
    return {name.lower(): (name, path) for path, name in sorted(named, key=lambda option: option[1].lower())}


def fingerprint(alias: str, grant: object, *beside: str) -> str:
    """What tells an alias's access tokens from all others: a SHA-256 over its name, the grant's type, the options that shape a token
    or that it is examined by, and what else (`beside`) has to be the same.

    The alias is among them, so that no alias is served a token that only another's secret could fetch. No secret, key or client_auth
    is, so that rotating a secret leaves the tokens where they are; a value of `values` that is written out is, since it shapes URLs.
    """
    return _digest(alias, grant, _UNSHAPING, beside)


def family(alias: str, grant: object) -> str:
    """What tells an alias's refresh tokens from all others: the same without what an access token is examined by or bound to."""
    return _digest(alias, grant, _UNSHAPING | _EXAMINING, ())


def _digest(alias: str, grant: object, without: frozenset[str], beside: tuple[str, ...]) -> str:
    shaping = {path: _plain(value) for path, value in leaves(grant) if not _stands_in(path, without) and not isinstance(value, Secret)}
    return hashlib.sha256(json.dumps([alias, type(grant).__name__, shaping, beside], sort_keys=True).encode()).hexdigest()


def _stands_in(path: str, names: frozenset[str]) -> bool:
    return path in names or path.startswith(_stems(names))


@cache
def _stems(names: frozenset[str]) -> tuple[str, ...]:
    """How the paths of what is inside of these begin."""
    return tuple(name + mark for name in sorted(names) for mark in ".[")


def _plain(value: object) -> object:
    match value:
        case Template():
            return value.source
        case Tree():  # a secret in it leaves its name alone; NUL stands in no YAML text, so that no literal looks like a name
            return value.render("\0{}".format, lambda _: "\0")
        case Path():
            return str(value)
        case _:
            return value
