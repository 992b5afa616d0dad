"""What is no error and should be known of a configuration: one rule per habit that ends badly.

A rule yields a sentence at the key that it is about; what it finds brings a warning and never a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proxy.addresses import is_loopback
from proxy.egress import EgressProxy
from proxy.errors import PathRefusedError
from proxy.http.address import UpstreamURL
from proxy.http.routing import RouteTLS, split_target
from proxy.oauth.lifetime import REMAINING_RATIO, Lifetime
from proxy.oauth.options import TokenPlacement, TokenRequestOptions, TokenResponseOptions
from proxy.oauth.template import Template
from proxy.settings import exposure
from proxy.settings.certificates import ending, file_ending
from proxy.settings.credential_rules import sources_of
from proxy.settings.keys import default_words
from proxy.settings.problems import Problem, Warned, join
from proxy.settings.said import UNKNOWN
from proxy.settings.unused import unused_key
from proxy.units import Seconds

if TYPE_CHECKING:
    from proxy.egress import Egress
    from proxy.settings.checks import Fault
    from proxy.settings.credentials import CredentialDraft
    from proxy.settings.routes import RouteDraft
    from proxy.settings.said import Said
    from proxy.settings.source import Node


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the rules look at."""

    top: Node
    egress: Egress
    routes: tuple[RouteDraft, ...]
    credentials: Mapping[str, CredentialDraft]


Rule = Callable[[Configuration], Iterator["Fault"]]


def warnings(configuration: Configuration) -> Iterator[Warned]:
    """What every rule finds, a line each, by alias and route as they are written."""
    found = [Warned(name, Problem(*fault)) for name, rule in RULES.items() for fault in rule(configuration)]
    yield from sorted(dict.fromkeys(found), key=_order)


def _order(warned: Warned) -> tuple[str, int, int]:
    place = warned.problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)


def _each(rule: Callable[[Said], Iterator[Fault]]) -> Rule:
    """A rule over all credentials, from one that looks at a single one; a preset's own choice is nothing that its user could change."""

    def over_all(configuration: Configuration) -> Iterator[Fault]:
        for draft in configuration.credentials.values():
            preset = draft.said.node.get("provider")
            yield from (fault for fault in rule(draft.said) if preset is None or fault[0] != preset.place or fault[1] == preset.key)

    return over_all


def _each_route(rule: Callable[[RouteDraft], Iterator[Fault]]) -> Rule:
    """A rule over all routes, from one that looks at a single one."""

    def over_all(configuration: Configuration) -> Iterator[Fault]:
        for draft in configuration.routes:
            yield from rule(draft)

    return over_all


def _both(of_credential: Callable[[Said], Iterator[Fault]], of_route: Callable[[RouteDraft], Iterator[Fault]]) -> Rule:
    """A rule over all credentials and all routes."""

    def over_all(configuration: Configuration) -> Iterator[Fault]:
        yield from _each(of_credential)(configuration)
        yield from _each_route(of_route)(configuration)

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
            yield node.place, node.key, exposure.IN_CLEAR
        for file in exposure.files_of(secret):
            if exposure.others_read(file):
                yield node.place, node.key, exposure.readable(file)


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


def rotated_refresh_token(said: Said) -> Iterator[Fault]:
    """What a server gives in its place is kept in memory."""
    response = said.section("token_response", TokenResponseOptions)
    if said.kind == "oauth2_refresh_token" and response.refresh_token is not None:
        text = "where the server rotates it, the newest one is kept in memory, and a restart begins with this one"
        yield said.at("refresh_token", f"{text}; token_response: {{refresh_token: null}} says that it does not")


def doubled_prefix(said: Said) -> Iterator[Fault]:
    """`Bearer` that stands in the value too is sent twice."""
    placement, value = said.section("token_placement", TokenPlacement), said.secret("value") or ""
    plain = placement.header.lower() == "authorization" and placement.query is None and placement.value is None
    prefix = placement.prefix if placement.prefix is not None else "Bearer "
    if plain and prefix.strip() and value.lower().startswith(prefix.lower()):
        yield said.at(
            "value", 'it begins with what token_placement.prefix puts before it; take that out, or say token_placement: {prefix: ""}'
        )


def certificate_ends(said: Said) -> Iterator[Fault]:
    """A certificate that nobody renews in time ends every call at once."""
    certificate, request = said.secret("certificate"), said.section("token_request", TokenRequestOptions)
    if certificate is not None and (text := ending(certificate, datetime.now(UTC))):
        yield said.at("certificate", text)
    if request.tls.cert is not None and (text := file_ending(request.tls.cert)):
        yield said.at("token_request.tls.cert", text)


def route_certificate_ends(route: RouteDraft) -> Iterator[Fault]:
    """The same for a route's client certificate."""
    tls = route.values.get("tls")
    if isinstance(tls, RouteTLS) and tls.cert is not None and (text := file_ending(tls.cert)):
        at = route.node.nearest("tls", "cert")
        yield at.place, at.key, text


RULES: Mapping[str, Rule] = {
    "unused_credential": unused_credential,
    "unreachable_route": unreachable_route,
    "cleartext": cleartext,
    "literal_secret": _both(exposure.literal_secret, exposure.literal_injected),
    "readable_secret": _each(exposure.readable_secret),
    "readable_key": _each_route(exposure.readable_key),
    "proxy_password": proxy_password,
    "margin_never_met": _each(margin_never_met),
    "deprecated_grant": _each(deprecated_grant),
    "secret_in_query": _both(exposure.secret_in_query, exposure.injected_in_query),
    "unused_secret": _each(exposure.unused_secret),
    "unused_key": _each(unused_key),
    "rotated_refresh_token": _each(rotated_refresh_token),
    "doubled_prefix": _each(doubled_prefix),
    "certificate_ends": _both(certificate_ends, route_certificate_ends),
}
