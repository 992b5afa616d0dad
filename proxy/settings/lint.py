"""What is no error and should be known of a configuration: one rule per habit that ends badly.

A rule yields a sentence at the key that it is about; what it finds brings a warning and never a refusal.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.addresses import is_loopback
from proxy.egress import EgressProxy
from proxy.errors import PathRefusedError
from proxy.http.address import UpstreamURL
from proxy.http.routing import RouteTLS, split_target
from proxy.oauth.lifetime import REMAINING_RATIO, Lifetime
from proxy.oauth.options import TokenRequestOptions, TokenResponseOptions
from proxy.oauth.template import Template
from proxy.oauth.walk import SECRET_LIKE, leaves
from proxy.secrets import Secret
from proxy.settings.credential_rules import sources_of
from proxy.settings.keys import default_words
from proxy.settings.problems import Problem, join
from proxy.settings.said import UNKNOWN
from proxy.units import Seconds

if TYPE_CHECKING:
    from proxy.egress import Egress
    from proxy.settings.checks import Fault
    from proxy.settings.credentials import CredentialDraft
    from proxy.settings.routes import RouteDraft
    from proxy.settings.said import Said
    from proxy.settings.source import Node

_IN_CLEAR = "the secret stands here in clear; an environment variable or a file of its own keeps it out"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the rules look at."""

    top: Node
    egress: Egress
    routes: tuple[RouteDraft, ...]
    credentials: Mapping[str, CredentialDraft]


Rule = Callable[[Configuration], Iterator["Fault"]]


def warnings(configuration: Configuration) -> Iterator[str]:
    """What every rule finds, a line each, by alias and route as they are written."""
    found = [Problem(*fault) for rule in RULES.values() for fault in rule(configuration)]
    for problem in sorted(dict.fromkeys(found), key=_order):
        yield str(problem)


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)


def _each(rule: Callable[[Said], Iterator[Fault]]) -> Rule:
    """A rule over all credentials, from one that looks at a single one."""

    def over_all(configuration: Configuration) -> Iterator[Fault]:
        for draft in configuration.credentials.values():
            yield from rule(draft.said)

    return over_all


def unused_credential(configuration: Configuration) -> Iterator[Fault]:
    """An alias that nobody names is probably a slip."""
    used = {str(draft.values.get("credential")) for draft in configuration.routes}
    used |= {alias for draft in configuration.credentials.values() for alias in sources_of(draft.said.values).values()}
    for alias, draft in configuration.credentials.items():
        if alias not in used:
            yield draft.place, join("credentials", alias), "no route uses it"


def unreachable_route(configuration: Configuration) -> Iterator[Fault]:
    """A prefix that no request can have: paths with dot segments, however they are spelled, are refused before they are routed."""
    for draft in configuration.routes:
        prefix = draft.values.get("prefix")
        try:
            if isinstance(prefix, str) and prefix.startswith("/") and prefix.isascii():
                split_target(prefix.encode("ascii"), b"")
        except PathRefusedError:
            at = draft.node.nearest("prefix")
            yield at.place, at.key, "no request comes here: a path with a dot segment in it is refused before it is routed"


def cleartext(configuration: Configuration) -> Iterator[Fault]:
    """http off this machine shows tokens and secrets on the way, allowed or not."""
    for route in configuration.routes:
        url = route.values.get("upstream")
        if isinstance(url, UpstreamURL) and url.scheme == "http" and not is_loopback(url.host):
            at = route.node.nearest("upstream")
            yield at.place, at.key, "http shows the token and everything else on the way"
    for draft in configuration.credentials.values():
        for path, value in _urls(draft.said):
            if (url := _parsed(value)) is not None and url.scheme == "http" and not is_loopback(url.host):
                yield draft.said.at(path, "http shows the client's secret and the token on the way")


def _urls(said: Said) -> Iterator[tuple[str, str]]:
    url = said.values.get("token_url")
    if isinstance(url, Template):
        yield "token_url", said.rendered(url).replace(UNKNOWN, "x")
    yield "issuer", said.text("issuer")


def _parsed(url: str) -> UpstreamURL | None:
    try:
        return UpstreamURL.parse(url.partition("?")[0])
    except ValueError:
        return None


def proxy_password(configuration: Configuration) -> Iterator[Fault]:
    """The password of an egress proxy is a secret like any other."""
    egress = configuration.top.get("egress", "password")
    said = [(egress, configuration.egress.password)] if egress is not None else []
    for draft in configuration.routes:
        at, proxy = draft.node.get("proxy", "password"), draft.values.get("proxy")
        if at is not None and isinstance(proxy, EgressProxy):
            said.append((at, proxy.password))
    for node, secret in said:
        if secret is not None and secret.kind == "text":
            yield node.place, node.key, _IN_CLEAR
        for file in _files(secret):
            if _others_read(file):
                yield node.place, node.key, _readable(file)


def literal_secret(said: Said) -> Iterator[Fault]:
    """A secret that stands in the file is in every copy of the file."""
    for path, secret in _secrets(said):
        named = path.removeprefix("values.")
        node = said.node.get(*path.split("."))
        if getattr(secret, "kind", "") != "text" or node is None or "${" in node.word or path == "certificate":
            continue
        if named == path or SECRET_LIKE.search(named):
            yield said.at(path, _IN_CLEAR)


def readable_secret(said: Said) -> Iterator[Fault]:
    """A file that every user of the machine can read keeps no secret."""
    files = [(path, file) for path, secret in _secrets(said) if path != "certificate" for file in _files(secret)]
    if isinstance(request := said.values.get("token_request"), TokenRequestOptions) and request.tls.key:
        files.append(("token_request.tls.key", Path(request.tls.key)))
    for path, file in files:
        if _others_read(file):
            yield said.at(path, _readable(file))


def readable_key(configuration: Configuration) -> Iterator[Fault]:
    """The same for the private key of a route's client certificate."""
    for draft in configuration.routes:
        tls = draft.values.get("tls")
        if isinstance(tls, RouteTLS) and tls.key and _others_read(Path(tls.key)):
            at = draft.node.nearest("tls", "key")
            yield at.place, at.key, _readable(Path(tls.key))


def _secrets(said: Said) -> Iterator[tuple[str, Secret]]:
    """The secrets of a credential's own keys; those of a parameter or a body stand as places and nothing else."""
    for name, value in said.values.items():
        for path, secret in leaves(value, name):
            if isinstance(secret, Secret):
                yield path, secret


def _files(secret: Secret | None) -> Iterator[Path]:
    """The files of a secret, and of what comes in its place."""
    while secret is not None:
        if secret.path is not None:
            yield secret.path
        secret = secret.after


def _readable(file: Path) -> str:
    return f"every user of this machine can read {file}; chmod o-r"


def _others_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def margin_never_met(said: Said) -> Iterator[Fault]:
    """A token whose lifetime is known here and that cannot be renewed ahead of its end as the configuration asks."""
    rules = said.section("lifetime", Lifetime)
    name = "fixed" if rules.fixed is not None else "when_missing"
    known = rules.fixed if rules.fixed is not None else rules.when_missing
    if not said.of_endpoint or known <= 0:
        return
    length, usable = default_words(Seconds(known)), known - min(rules.min_remaining, REMAINING_RATIO * known)
    if said.has("lifetime.refresh_before") and rules.refresh_before >= known:
        yield said.at("lifetime.refresh_before", f"it is longer than `{name}`, {length}: refresh_before_ratio holds instead")
    if rules.min_refresh_interval >= usable:
        path = "lifetime.min_refresh_interval" if said.has("lifetime.min_refresh_interval") else f"lifetime.{name}"
        yield said.at(path, f"a token of {length} is over before min_refresh_interval is: it is never renewed ahead of its end")


def deprecated_grant(said: Said) -> Iterator[Fault]:
    """Grants that current practice gives up (RFC 9700)."""
    if said.kind == "oauth2_password":
        yield said.at(
            "type", "this grant must not be used any more (RFC 9700 section 2.4); ask the server's operator for client credentials"
        )


def secret_in_query(said: Said) -> Iterator[Fault]:
    """A secret in a URL stands in the logs of everything on the way (RFC 6749 §2.3.1)."""
    request = said.section("token_request", TokenRequestOptions)
    if request.method == "GET" and said.client_auth == "client_secret_post":
        yield said.at("token_request.method", "GET puts the client's secret into the URL, which servers and proxies log")
    for path, value in leaves(request.params, "token_request.params"):
        index = path.removeprefix("token_request.params[").partition("]")[0]
        held = {"client_secret", "password"} & (value.names if hasattr(value, "names") else frozenset())
        if held and request.params[int(index)].in_ == "query":
            yield said.at("token_request.params", f"{min(held)} goes into the URL, which servers and proxies log")
    url = said.values.get("token_url")
    if isinstance(url, Template) and url.names & {"client_secret", "password"}:
        yield said.at("token_url", "a secret goes into the URL, which servers and proxies log")


def unused_secret(said: Said) -> Iterator[Fault]:
    """A secret that is never sent is a secret too many, or a client_auth too few."""
    if said.client_auth != "none" or not isinstance(said.values.get("client_secret"), Secret):
        return
    if not any("client_secret" in getattr(value, "names", ()) for one in said.values.values() for _, value in leaves(one)):
        yield said.at("client_secret", "it is not sent: client_auth is none")


def rotated_refresh_token(said: Said) -> Iterator[Fault]:
    """What a server gives in its place is kept in memory."""
    response = said.section("token_response", TokenResponseOptions)
    if said.kind == "oauth2_refresh_token" and response.refresh_token is not None:
        text = "where the server rotates it, the newest one is kept in memory, and a restart begins with this one"
        yield said.at("refresh_token", f"{text}; token_response: {{refresh_token: null}} says that it does not")


RULES: Mapping[str, Rule] = {
    "unused_credential": unused_credential,
    "unreachable_route": unreachable_route,
    "cleartext": cleartext,
    "literal_secret": _each(literal_secret),
    "readable_secret": _each(readable_secret),
    "readable_key": readable_key,
    "proxy_password": proxy_password,
    "margin_never_met": _each(margin_never_met),
    "deprecated_grant": _each(deprecated_grant),
    "secret_in_query": _each(secret_in_query),
    "unused_secret": _each(unused_secret),
    "rotated_refresh_token": _each(rotated_refresh_token),
}
