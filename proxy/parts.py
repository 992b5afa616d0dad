"""What the parts of a configuration take from each other: files, keys, certificates, names; before any of them is built.

Pure: the marks of files are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from proxy.oauth.client_auth import BY_CERTIFICATE
from proxy.oauth.token import TokenKey
from proxy.oauth.walk import family, fingerprint, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxy.http.routing import Route, RouteTLS
    from proxy.oauth.credential import Credential
    from proxy.oauth.options import TokenTLS
    from proxy.settings.model import Settings


def tls_files(settings: Settings) -> tuple[str, ...]:
    """The CA, certificate and key files that a configuration names; a new content is a new configuration."""
    endpoints = [credential.endpoint for credential in settings.credentials.values() if credential.endpoint is not None]
    said: list[RouteTLS | TokenTLS] = [route.tls for route in settings.routes]
    said += [endpoint.token_request.tls for endpoint in endpoints]
    named = [settings.egress.ca, *(file for tls in said for file in files_of(tls))]
    return tuple(dict.fromkeys(file for file in named if file is not None))


def files_of(tls: RouteTLS | TokenTLS) -> tuple[str | None, ...]:
    """Its CA, certificate and key."""
    return tls.ca, tls.cert, tls.key


def injected_names(routes: Iterable[Route]) -> dict[str, set[str]]:
    """By alias, the names of its answer's parts that these routes put on calls."""
    named: dict[str, set[str]] = {}
    for route in routes:
        named.setdefault(route.credential, set()).update(name for name in names_of(route.inject) if name.startswith("response."))
    return named


def used(credential: Credential, named: Mapping[str, set[str]]) -> Credential:
    """The credential with the names, `named` by alias, for which parts of its answer are kept."""
    return msgspec.structs.replace(credential, kept=frozenset(named.get(credential.alias, ())))


def key_of(credential: Credential, marks: Mapping[str, str]) -> TokenKey:
    """Under what the credential's tokens are kept.

    A certificate with a new content needs access tokens that are bound to it, and a new name those that came with what it stands for.
    """
    alias, grant = credential.alias, credential.grant
    certificate = credential.endpoint.token_request.tls.cert if credential.endpoint else None
    bound = (marks[certificate],) if certificate is not None else ()
    return TokenKey(fingerprint(alias, grant, *bound, *sorted(credential.kept)), family=family(alias, grant))


def bound(route: Route, credential: Credential | None) -> Route:
    """The route, with its credential's client certificate where it has none of its own and tokens are bound to that (RFC 8705 §3)."""
    endpoint = credential.endpoint if credential else None
    if endpoint is None or endpoint.client_auth not in BY_CERTIFICATE or route.tls.cert is not None:
        return route
    tls = endpoint.token_request.tls
    return msgspec.structs.replace(route, tls=msgspec.structs.replace(route.tls, cert=tls.cert, key=tls.key))
