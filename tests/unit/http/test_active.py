"""proxy/http/active.py: whose token, which upstream, and what a route remembers."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from proxy.egress import Egress
from proxy.errors import SubjectTokenMissingError, TokenResponseInvalidError
from proxy.http.active import MAX_NAMED, MAX_SUBJECTS, ActiveRoute, RouteToken
from proxy.http.address import UpstreamURL
from proxy.http.body import MemoryBudget
from proxy.http.inject import Injected
from proxy.http.opening import Opening
from proxy.http.routing import Route
from proxy.http.upstream import Resolver
from proxy.metrics import Metrics
from proxy.oauth.token import Token, TokenKey

KEY = TokenKey("fingerprint")
GOOD = (b"Authorization", b"Bearer abc")


def source(*presented: str) -> RouteToken:
    return RouteToken("crm", cast("Any", None), KEY, (), presented)


def active(upstream: str = "https://login.test/services", **facts: Any) -> ActiveRoute:
    route = Route(prefix="/sf", upstream=UpstreamURL.parse(upstream), credential="crm", name="r", **facts)
    opened = Opening(Resolver(time.monotonic), Egress())
    injected = Injected.of(route, epoch=time.time, unique=str)
    return ActiveRoute(opened(route), opened, injected, MemoryBudget(0), Metrics().route("r"), source())


def named(upstream: str | None) -> Token:
    return Token("t", 0.0, 1.0, 1.0, 1.0, upstream=upstream)


def test_a_callers_own_token_makes_the_key() -> None:
    """The subject is a hash; what was shown is there for the grant, and in no repr."""
    of = source("authorization", "x-actor")
    key = of.key_of((GOOD, (b"X-ACTOR", b"bearer  def")))
    assert (key.fingerprint, len(key.subject), dict(key.presented)) == (
        "fingerprint",
        64,
        {"authorization": "Bearer abc", "x-actor": "bearer  def"},
    )
    assert "abc" not in repr(key)
    assert of.key_of((GOOD, (b"X-ACTOR", b"bearer  def"))) == key != of.key_of((GOOD, (b"X-Actor", b"ghi")))


def test_values_do_not_change_places() -> None:
    """The same two tokens the other way round are another subject's."""
    of = source("x-actor", "x-subject")
    one = of.key_of(((b"X-Subject", b"a"), (b"X-Actor", b"b")))
    assert one.subject != of.key_of(((b"X-Subject", b"b"), (b"X-Actor", b"a"))).subject


def test_a_subjects_key_is_of_the_clients_family() -> None:
    """Its refresh token outlives what the client's own would outlive."""
    of = RouteToken("crm", cast("Any", None), TokenKey("fingerprint", family="family"), (), ("x-token",))
    key = of.key_of(((b"X-Token", b"abc"),))
    assert key.chain == ("family", key.subject)


def test_a_client_of_its_own_has_its_own_key() -> None:
    """Nothing is read of the caller's headers."""
    assert source().key_of((GOOD,)) is KEY


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"X-Authorization", b"Bearer abc"),),
        ((b"Authorization_", b"Bearer abc"),),
        (GOOD, GOOD),
        ((b"Authorization", b""),),
        ((b"Authorization", b"abc"),),
        ((b"Authorization", b"Basic dTpw"),),
        ((b"Authorization", b"Bearer"),),
        ((b"Authorization", b"Bearer a b"),),
        ((b"Authorization", b"Bearer a\tb"),),
        ((b"Authorization", b"Bearer \xe9"),),
    ],
)
def test_a_token_that_is_not_shown(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Missing, repeated or unreadable: 401, and nothing of it is told; a password is never taken for a token."""
    with pytest.raises(SubjectTokenMissingError) as raised:
        source("authorization").key_of(headers)
    assert (raised.value.status, "abc" in str(raised.value), "dTpw" in str(raised.value)) == (401, False, False)


@pytest.mark.parametrize("headers", [(), ((b"X-User-Token", b"a b"),)], ids=["missing", "unreadable"])
def test_a_missing_token_names_its_header_and_key(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """The caller reads the alias, the header as the configuration writes it, and the key that says it."""
    options = {"x-user-token": ("X-User-Token", "subject_token.header")}
    with pytest.raises(SubjectTokenMissingError) as raised:
        RouteToken("crm", cast("Any", None), KEY, (), ("x-user-token",), options).key_of(headers)
    said = raised.value
    assert (said.alias, said.key) == ("crm", "credentials.crm.subject_token.header")
    assert ("alias 'crm'" in said.facts, "X-User-Token" in said.facts) == (True, True)


@pytest.mark.parametrize(("value", "fine"), [(b"abc", True), (b"Bearer abc", True), (b"Basic dTpw", False), (b"a b", False)])
def test_a_token_in_a_header_of_its_own(value: bytes, *, fine: bool) -> None:
    """It may stand there bare."""
    if fine:
        assert source("x-token").key_of(((b"X-Token", value),)).presented == {"x-token": value.decode()}
        return
    with pytest.raises(SubjectTokenMissingError):
        source("x-token").key_of(((b"X-Token", value),))


@pytest.mark.parametrize(
    ("said", "url"),
    [
        (None, "https://login.test/services"),
        ("https://acme.test", "https://acme.test/services"),
        ("https://acme.test/", "https://acme.test/services"),
        ("https://acme.test:8443/base", "https://acme.test:8443/base"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/services"),
    ],
)
def test_where_a_token_leads(said: str | None, url: str) -> None:
    """The named upstream, with the route's own path where it names none; the Host follows."""
    at = active().at(named(said))
    assert (str(at.route.upstream), at.headers.host.decode()) == (url, at.route.upstream.authority)


@pytest.mark.parametrize(
    ("said", "facts", "key"),
    [
        ("http://acme.test", {}, "routes.r.allow_plaintext"),
        ("https://169.254.169.254", {}, "routes.r.allow_link_local"),
        ("https://a..b?x", {}, "credentials.crm.token_response.upstream"),
        ("https://u:p@acme.test", {}, "credentials.crm.token_response.upstream"),
    ],
)
def test_where_a_token_does_not_lead(said: str, facts: dict[str, Any], key: str) -> None:
    """Past the rules for a route's own upstream, or nowhere; the answer's words are not told."""
    with pytest.raises(TokenResponseInvalidError) as raised:
        active(**facts).at(named(said))
    assert (raised.value.key, "acme" in str(raised.value)) == (key, False)


@pytest.mark.parametrize(
    ("said", "facts"), [("http://acme.test", {"allow_plaintext": True}), ("https://169.254.169.254", {"allow_link_local": True})]
)
def test_what_a_route_allows_a_token_may_name(said: str, facts: dict[str, Any]) -> None:
    """The route's own keys."""
    assert str(active(**facts).at(named(said)).route.upstream) == f"{said}/services"


def test_named_upstreams_are_kept_and_bounded() -> None:
    """One pool for each; the one that was not called for longest is closed for another."""
    route = active()
    first, second = (route.at(named(f"https://{name}.test")) for name in ("first", "second"))
    for number in range(MAX_NAMED - 2):
        route.at(named(f"https://a{number}.test"))
    assert route.at(named("https://first.test")) is first
    route.at(named("https://another.test"))
    assert (route.at(named("https://first.test")) is first, second.pool._closed, len(route.pools)) == (True, True, MAX_NAMED + 1)
    route.close()
    assert all(pool._closed for pool in route.pools)


def test_refusals_are_kept_by_subject() -> None:
    """One caller's refused token holds up no other caller; what is remembered is bounded."""
    route = active()
    ada, bob = TokenKey("fingerprint", "ada"), TokenKey("fingerprint", "bob")
    route.refuse(ada, 7.0)
    assert (route.refused_until(ada), route.refused_until(bob), route.refusing_until) == (7.0, 0.0, 7.0)
    for number in range(MAX_SUBJECTS):
        route.refuse(TokenKey("fingerprint", str(number)), 8.0)
    assert route.refused_until(ada) == 0.0
