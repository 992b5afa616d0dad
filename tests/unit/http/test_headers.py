"""proxy/http/headers.py: which headers pass, which are put in, and what is turned back to the caller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.address import UpstreamURL
from proxy.http.headers import (
    Caller,
    HeaderPolicy,
    encode_head,
    for_client,
    for_upstream,
    last_of_each,
    replace_query,
    rewrite_cookie,
    rewrite_location,
)
from proxy.http.routing import Inject, Route
from proxy.http.wire import Framing, check_request_head
from proxy.oauth.template import Template

if TYPE_CHECKING:
    from proxy.http.wire import Header, Headers

CALLER = Caller("http", b"proxy.test:6750", "192.0.2.7")
TOKEN = b"Bearer t0ken"
HOST = (b"Host", b"api.test")
SENT = (b"Authorization", TOKEN)


def route(prefix: str = "/crm", upstream: str = "https://api.test", **facts: Any) -> Route:
    facts.setdefault("credential", "crm")
    return Route(prefix=prefix, upstream=UpstreamURL.parse(upstream), name="r", **facts)


def up(headers: Headers, *, framing: Framing | None = None, put: Headers = (SENT,), caller: Caller = CALLER, **facts: Any) -> list[Header]:
    policy = HeaderPolicy.of(route(**facts))
    return for_upstream(headers, policy, caller, framing or Framing("none"), put)


HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
]


@pytest.mark.parametrize("name", [*HOP_BY_HOP, "HTTP2-Settings", "Proxy-Authentication-Info"])
@pytest.mark.parametrize("spell", [str, str.lower, str.upper])
def test_hop_by_hop_fields_pass_in_neither_direction(name: str, spell: Any) -> None:
    """Whatever their case (RFC 9110 §7.6.1; MUSTS 2)."""
    header = (spell(name).encode(), b"x")
    assert (up((header,)), for_client((header, (b"A", b"1")))) == ([HOST, SENT], [(b"A", b"1")])


@pytest.mark.parametrize(
    "connection",
    [
        ((b"Connection", b"X-Hop"),),
        ((b"connection", b"close, x-hop"),),
        ((b"CONNECTION", b" , ,\tX-HOP\t,"),),
        ((b"Connection", b"close"), (b"Connection", b"X-Hop")),
    ],
)
def test_what_connection_names_goes(connection: Headers) -> None:
    """In both directions, wherever it stands."""
    headers = ((b"X-Hop", b"1"), *connection, (b"x-hop", b"2"), (b"X-Stay", b"3"))
    assert (up(headers), for_client(headers)) == ([HOST, (b"X-Stay", b"3"), SENT], [(b"X-Stay", b"3")])


@pytest.mark.parametrize(
    "named", [b"Authorization", b"authorization", b"Host", b"Content-Length", b"X-Env", b"X-Forwarded-For", b"Transfer-Encoding", b"Via"]
)
def test_connection_cannot_strip_what_is_put_in(named: bytes) -> None:
    """Hop-by-hop fields go first, then token, framing and injected headers come (MUSTS 2)."""
    headers = ((b"Connection", named), (b"Authorization", b"caller"))
    inject = Inject(headers={"X-Env": Template.parse("prod")})
    sent = up(headers, framing=Framing("length", 3), inject=inject, forwarded="x-forwarded", via=True)
    names = [name for name, _ in sent]
    expected = [
        b"Host",
        b"X-Env",
        b"Via",
        b"X-Forwarded-For",
        b"X-Forwarded-Proto",
        b"X-Forwarded-Host",
        b"Content-Length",
        b"Authorization",
    ]
    assert (names, sent[-1]) == (expected, SENT)


def test_connection_cannot_name_the_length_of_a_response() -> None:
    """Content-Length is framing."""
    assert for_client(((b"Connection", b"Content-Length"), (b"Content-Length", b"5"))) == [(b"Content-Length", b"5")]


LOOK_ALIKES = [
    b"Authorization",
    b"authorization",
    b"AUTHORIZATION",
    b"authorization_",
    b"_Authorization",
    b"Authorization-",
    b"-authorization-",
]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_the_callers_authorization_never_goes_up(name: bytes) -> None:
    """Nor what a server may take for it, nor a second one (MUSTS 11)."""
    assert up(((name, b"caller"), (b"A", b"1"), (name, b"again"))) == [HOST, (b"A", b"1"), SENT]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_without_a_credential_authorization_passes(name: bytes) -> None:
    """`credential: none` forwards what the caller sent."""
    assert up(((name, b"caller"),), put=(), credential="none") == [HOST, (name, b"caller")]


@pytest.mark.parametrize("name", [b"X-Api-Key", b"x-api-key", b"x_api_key", b"-X-Api-Key"])
def test_a_token_elsewhere_replaces_what_has_its_name(name: bytes) -> None:
    """The caller's and what is injected, look-alikes too; the caller's Authorization does not go up for it."""
    key = (b"X-Api-Key", b"k3y")
    inject = Inject(headers={"x-api-key": Template.parse("fixed"), "X-Env": Template.parse("prod")})
    sent = up(((name, b"caller"), (b"Authorization", b"caller"), (b"A", b"1")), put=(key,), inject=inject)
    assert sent == [HOST, (b"A", b"1"), (b"X-Env", b"prod"), key]


def test_headers_beside_authorization() -> None:
    """Each replaces what has its name."""
    proof = (b"DPoP", b"proof")
    assert up(((b"dpop", b"caller"), (b"authorization", b"caller")), put=(SENT, proof)) == [HOST, SENT, proof]


def test_what_callers_present_goes_no_further() -> None:
    """Nor its look-alikes."""
    policy = HeaderPolicy.of(route(), ("x-user-token",))
    headers = ((b"X-User-Token", b"t"), (b"x_user_token", b"t"), (b"A", b"1"))
    assert for_upstream(headers, policy, CALLER, Framing("none"), (SENT,)) == [HOST, (b"A", b"1"), SENT]


def test_the_last_of_each_header_counts() -> None:
    """Names that a server may take for one are one."""
    given = ((b"X-A", b"1"), (b"B", b"2"), (b"x_a", b"3"))
    assert last_of_each(given) == ((b"x_a", b"3"), (b"B", b"2"))


def test_other_headers_pass_as_they_came() -> None:
    """Order, case, duplicates, obs-text and empty values survive (MUSTS 7)."""
    headers = ((b"a", b"1"), (b"B", b""), (b"A", b"2"), (b"X-Bytes", b"\xff\xfe"), (b"Content-Encoding", b"gzip"), (b"Cookie", b"s=1"))
    assert (up(headers), for_client(headers)) == ([HOST, *headers, SENT], list(headers))


@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        (Framing("none"), []),
        (Framing("length", 0), [(b"Content-Length", b"0")]),
        (Framing("length", 10**17), [(b"Content-Length", b"1" + b"0" * 17)]),
        (Framing("chunked"), [(b"Transfer-Encoding", b"chunked")]),
    ],
)
def test_framing_is_written_anew(framing: Framing, sent: list[Header]) -> None:
    """What the caller wrote about framing and expectation ends here."""
    headers = ((b"Content-Length", b"007"), (b"Transfer-Encoding", b"chunked"), (b"Expect", b"100-continue"), (b"Host", b"b"))
    assert up(headers, framing=framing) == [HOST, *sent, SENT]


@pytest.mark.parametrize(
    ("upstream", "preserve", "host", "sent"),
    [
        ("https://api.test", False, b"proxy.test", b"api.test"),
        ("https://api.test:8443", False, b"proxy.test", b"api.test:8443"),
        ("http://[::1]:80", False, b"proxy.test", b"[::1]"),
        ("https://api.test", True, b"proxy.test:6750", b"proxy.test:6750"),
        ("https://api.test", True, b"", b"api.test"),
    ],
)
def test_the_host_that_is_sent(upstream: str, preserve: bool, host: bytes, sent: bytes) -> None:  # noqa: FBT001  # a column of the table
    """The upstream's, or the caller's where the route says so."""
    assert up((), upstream=upstream, preserve_host=preserve, caller=replace(CALLER, host=host))[0] == (b"Host", sent)


@pytest.mark.parametrize("name", [b"X-Env", b"x-env", b"X_Env", b"x_env_"])
def test_an_injected_header_replaces_the_callers(name: bytes) -> None:
    """Under that name and its look-alikes."""
    assert up(((name, b"caller"),), inject=Inject(headers={"X-Env": Template.parse("prod")})) == [HOST, (b"X-Env", b"prod"), SENT]


FORWARDED = (
    (b"Forwarded", b"for=evil"),
    (b"X-Forwarded-For", b"6.6.6.6"),
    (b"x_forwarded_for", b"6.6.6.6"),
    (b"X-Forwarded-Host", b"evil"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Port", b"1"),
    (b"X-Forwarded-Prefix", b"/evil"),
)


@pytest.mark.parametrize(
    ("kind", "caller", "added"),
    [
        ("none", CALLER, []),
        (
            "x-forwarded",
            CALLER,
            [(b"X-Forwarded-For", b"192.0.2.7"), (b"X-Forwarded-Proto", b"http"), (b"X-Forwarded-Host", b"proxy.test:6750")],
        ),
        ("x-forwarded", replace(CALLER, host=b"", address="::1"), [(b"X-Forwarded-For", b"::1"), (b"X-Forwarded-Proto", b"http")]),
        ("rfc7239", CALLER, [(b"Forwarded", b'for=192.0.2.7;host="proxy.test:6750";proto=http')]),
        ("rfc7239", replace(CALLER, host=b"", address="2001:db8::1"), [(b"Forwarded", b'for="[2001:db8::1]";proto=http')]),
        ("x-forwarded", replace(CALLER, host=b"", address="unix"), [(b"X-Forwarded-Proto", b"http")]),
        ("rfc7239", replace(CALLER, host=b"", address="unix"), [(b"Forwarded", b"for=unknown;proto=http")]),
    ],
)
def test_who_called_is_told_as_the_route_says(kind: str, caller: Caller, added: list[Header]) -> None:
    """What the caller says about itself is always dropped; a Unix socket has no address (RFC 7239 §6.2)."""
    assert up(FORWARDED, caller=caller, forwarded=kind) == [HOST, *added, SENT]


def test_via_joins_those_of_earlier_hops() -> None:
    """The caller's Via stays and stands first (RFC 9110 §7.6.3)."""
    assert up(((b"Via", b"1.1 a"),), via=True) == [HOST, (b"Via", b"1.1 a"), (b"Via", b"1.1 bearerd"), SENT]


@given(
    st.lists(
        st.tuples(
            st.from_regex(rb"[A-Za-z_-]{1,14}", fullmatch=True) | st.sampled_from([b"Authorization", b"Connection", b"Content-Length"]),
            st.from_regex(rb"[\x21-\x7e\x80-\xff]([\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?", fullmatch=True),
        ),
        max_size=6,
    )
)
def test_a_head_that_is_sent_has_as_many_lines_as_headers(headers: list[Header]) -> None:
    """No value that our own grammar takes can break out of its line, and the token is there exactly once."""
    sent = up(tuple(headers), framing=Framing("length", 1))
    raw = encode_head(b"GET / HTTP/1.1", sent)
    head = check_request_head(raw[:-4], tuple(sent), 100)
    tokens = [value for name, value in head.headers if name.lower().replace(b"_", b"-").strip(b"-") == b"authorization"]
    assert (raw.endswith(b"\r\n\r\n"), tokens, head.framing) == (True, [TOKEN], Framing("length", 1))


ROOT, BASE = "https://api.test", "https://api.test/v1"


@pytest.mark.parametrize(
    ("upstream", "value", "expected"),
    [
        (BASE, "https://api.test/v1/next", "http://proxy.test:6750/crm/next"),
        (BASE, "HTTPS://API.test/v1/next", "http://proxy.test:6750/crm/next"),
        (BASE, "https://api.test:443/v1/next", "http://proxy.test:6750/crm/next"),
        (BASE, "https://api.test/v1", "http://proxy.test:6750/crm"),
        (BASE, "https://api.test/v1/", "http://proxy.test:6750/crm/"),
        (BASE, "https://api.test/v1/a%2Fb?c=%20d#e", "http://proxy.test:6750/crm/a%2Fb?c=%20d#e"),
        (BASE, "https://api.test/v1/a?", "http://proxy.test:6750/crm/a?"),
        (BASE, "https://api.test/v1/a;b=c?#", "http://proxy.test:6750/crm/a;b=c?#"),
        (BASE, "//api.test/v1/next", "http://proxy.test:6750/crm/next"),
        (BASE, "/v1/next?x", "/crm/next?x"),
        (BASE, "/v1", "/crm"),
        (BASE, "next", "next"),
        (BASE, "../next", "../next"),
        (BASE, "?x", "?x"),
        (BASE, "#x", "#x"),
        (BASE, "", ""),
        (BASE, "/v10/next", "/v10/next"),
        (BASE, "/login", "/login"),
        (BASE, "https://api.test/login", "https://api.test/login"),
        (BASE, "https://api.test", "https://api.test"),
        (BASE, "http://api.test/v1/next", "http://api.test/v1/next"),
        (BASE, "https://api.test:8443/v1/next", "https://api.test:8443/v1/next"),
        (BASE, "https://api.test.evil/v1/next", "https://api.test.evil/v1/next"),
        (BASE, "https://user@api.test/v1/next", "https://user@api.test/v1/next"),
        (BASE, "https://api.test@evil.test/v1/next", "https://api.test@evil.test/v1/next"),
        (BASE, "https://api.test:x/v1", "https://api.test:x/v1"),
        (BASE, "https://[::1/v1", "https://[::1/v1"),
        (BASE, "https:/v1/next", "https:/v1/next"),
        (BASE, "mailto:a@api.test", "mailto:a@api.test"),
        (BASE, "https://api.test/v1/\xe9", "http://proxy.test:6750/crm/\xe9"),
        (BASE, "https://api.test/v1/a\tb", "https://api.test/v1/a\tb"),
        (BASE, "/v1//evil.test", "/crm//evil.test"),
        (ROOT, "/next", "/crm/next"),
        (ROOT, "https://api.test", "http://proxy.test:6750/crm/"),
        (ROOT, "https://api.test/", "http://proxy.test:6750/crm/"),
        ("https://api.test/", "https://api.test/a", "http://proxy.test:6750/crm/a"),
        ("http://api.test:8080", "http://api.test:8080/a", "http://proxy.test:6750/crm/a"),
        ("http://api.test:8080", "http://api.test/a", "http://api.test/a"),
        ("http://[::1]:8080", "http://[::1]:8080/a", "http://proxy.test:6750/crm/a"),
    ],
)
def test_a_location_within_the_upstream_leads_back(upstream: str, value: str, expected: str) -> None:
    """What points into the route points at the caller's address; anything else is left byte for byte."""
    assert rewrite_location(value.encode("latin-1"), route(upstream=upstream), CALLER) == expected.encode("latin-1")


@pytest.mark.parametrize(
    ("upstream", "value", "expected"),
    [
        (ROOT, "https://api.test/crm/next", "http://proxy.test:6750/crm/next"),
        (ROOT, "/crm/next", "/crm/next"),
        (ROOT, "https://api.test/login", "https://api.test/login"),
        (ROOT, "https://api.test/crms", "https://api.test/crms"),
        (BASE, "https://api.test/v1/crm/next", "http://proxy.test:6750/crm/next"),
        (BASE, "/v1/crm", "/crm"),
        (BASE, "/crm/next", "/crm/next"),
    ],
)
def test_a_location_of_an_unstripped_route(upstream: str, value: str, expected: str) -> None:
    """Without `strip_prefix` the upstream's paths carry the prefix themselves."""
    assert rewrite_location(value.encode(), route(upstream=upstream, strip_prefix=False), CALLER) == expected.encode()


@pytest.mark.parametrize(
    ("prefix", "value", "host", "expected"),
    [
        ("/", "/v1//evil.test/x", b"proxy.test", b"http://proxy.test//evil.test/x"),
        ("/", "/v1//evil.test/x", b"", b"/v1//evil.test/x"),
        ("/", "https://api.test/v1//evil.test", b"", b"https://api.test/v1//evil.test"),
        ("/", "/v1", b"proxy.test", b"/"),
        ("/crm", "https://api.test/v1/a", b"", b"/crm/a"),
    ],
)
def test_a_rewritten_location_never_names_a_host_of_its_own(prefix: str, value: str, host: bytes, expected: bytes) -> None:
    """A path that is left with two slashes would be read as //host."""
    assert rewrite_location(value.encode(), route(prefix, BASE), replace(CALLER, host=host)) == expected


@pytest.mark.parametrize(
    ("upstream", "value", "expected"),
    [
        (BASE, "s=1", "s=1"),
        (BASE, "s=1; Path=/v1", "s=1; Path=/crm"),
        (BASE, "s=1; Path=/v1/sub; Secure", "s=1; Path=/crm/sub; Secure"),
        (BASE, "s=1;path=/v1;HttpOnly", "s=1; Path=/crm;HttpOnly"),
        (BASE, "s=1; PATH = /v1 ; x", "s=1; Path=/crm; x"),
        (BASE, "s=1; Path=/v10", "s=1; Path=/v10"),
        (BASE, "s=1; Path=/other", "s=1; Path=/other"),
        (BASE, "s=1; Path=", "s=1; Path="),
        (BASE, "s=1; Path=v1", "s=1; Path=v1"),
        (BASE, "Path=/v1; s", "Path=/v1; s"),
        (BASE, "s=Domain=api.test", "s=Domain=api.test"),
        (BASE, "s=1; XPath=/v1", "s=1; XPath=/v1"),
        (BASE, "s=1; Domain=api.test", "s=1"),
        (BASE, "s=1; domain = .API.test ; Secure", "s=1; Secure"),
        (BASE, "s=1; Domain=test; Path=/v1", "s=1; Path=/crm"),
        (BASE, "s=1; Domain=other.test", "s=1; Domain=other.test"),
        (BASE, "s=1; Domain=xapi.test", "s=1; Domain=xapi.test"),
        (BASE, "s=1; Domain=pi.test", "s=1; Domain=pi.test"),
        (BASE, "s=1; Domain=", "s=1; Domain="),
        (BASE, "s=1; Domain=api.test; Domain=other.test", "s=1; Domain=other.test"),
        (BASE, "s=\xff; Path=/v1/\xfe", "s=\xff; Path=/crm/\xfe"),
        (BASE, "s=1; Path=/", "s=1; Path=/crm"),
        ("https://api.test/v1/x", "s=1; Path=/v1", "s=1; Path=/crm"),
        (ROOT, "s=1; Path=/", "s=1; Path=/crm"),
        (ROOT, "s=1; Path=/a/", "s=1; Path=/crm/a/"),
        (BASE, "__Host-s=1; Secure; Path=/", "__Host-s=1; Secure; Path=/"),
    ],
)
def test_a_cookie_of_the_upstream_becomes_the_callers(upstream: str, value: str, expected: str) -> None:
    """Its Domain goes, its Path is the route's; a cookie that must say Path=/ keeps it (RFC 6265bis §4.1.3.2)."""
    assert rewrite_cookie(value.encode("latin-1"), route(upstream=upstream)) == expected.encode("latin-1")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", b"api-version=1&a%20b=c%26d"),
        (b"x=1", b"x=1&api-version=1&a%20b=c%26d"),
        (b"api-version=9", b"api-version=1&a%20b=c%26d"),
        (b"x&api-version", b"x&api-version=1&a%20b=c%26d"),
        (b"api%2Dversion=9&x=%zz", b"x=%zz&api-version=1&a%20b=c%26d"),
        (b"%61pi-version=9", b"api-version=1&a%20b=c%26d"),
        (b"a+b=1&a%20b=2&a b=3", b"api-version=1&a%20b=c%26d"),
        (b"API-VERSION=9", b"API-VERSION=9&api-version=1&a%20b=c%26d"),
        (b"x=api-version=9", b"x=api-version=9&api-version=1&a%20b=c%26d"),
        (b"x=1&&y=2", b"x=1&&y=2&api-version=1&a%20b=c%26d"),
        (b"\xff=1", b"\xff=1&api-version=1&a%20b=c%26d"),
    ],
)
def test_injected_parameters_replace_the_callers(query: bytes, expected: bytes) -> None:
    """Under that name in any encoding; every other byte stays."""
    assert replace_query(query, (("api-version", "1"), ("a b", "c&d"))) == expected


def test_the_last_of_each_parameter_counts() -> None:
    """A token's stands in place of what is injected under its name; half a character, which JSON may hold, is sent as it is."""
    assert replace_query(b"t=0&x", (("t", "1"), ("v", "\ud800"), ("t", "2"))) == b"x&t=2&v=%ED%A0%80"


@given(st.binary(max_size=60))
def test_a_query_without_injection_stays(query: bytes) -> None:
    """Byte for byte."""
    assert replace_query(query, ()) == query


@given(st.from_regex(rb"[\x21-\x7e\x80-\xff]{0,40}", fullmatch=True), st.sampled_from([b"", b"https://api.test/v1/", b"/v1", b"//"]))
def test_any_location_is_taken(tail: bytes, start: bytes) -> None:
    """No value raises, and none gains a line end."""
    value = rewrite_location(start + tail, route(upstream=BASE), CALLER)
    assert not set(value) & set(b"\r\n\0")
