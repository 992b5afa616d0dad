"""Routes: what is told about broken ones, and how defaults and names come about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.settings import load
from proxy.units import Seconds

Lines = Callable[..., list[str]]
Write = Callable[[str, str | bytes], Path]

TOP = "security_material: [security-material.yaml]\nroutes:\n"
CRM = "  - {prefix: /crm, upstream: 'https://api.example', credential: crm%s}\n"
VERIFIED = "TLS is always verified; trust your own CA with `tls: {ca: PATH}`"

BROKEN_KEYS = {
    "unknown key": (", strip_prefx: true", ["proxy.yaml:3:70: routes[0].strip_prefx: unknown key; did you mean `strip_prefix`?"]),
    "camel case": (", stripPrefix: true", ["proxy.yaml:3:70: routes[0].stripPrefix: unknown key; did you mean `strip_prefix`?"]),
    "verification off": (
        ", insecure_skip_verify: true",
        [
            f"proxy.yaml:3:70: routes[0].insecure_skip_verify: unknown key; {VERIFIED}",
        ],
    ),
    "nested unknown key": (", retry: {attempt: 1}", ["proxy.yaml:3:78: routes[0].retry.attempt: unknown key; did you mean `attempts`?"]),
    "zero timeout": (", timeout: {total: 0}", ["proxy.yaml:3:87: routes[0].timeout.total: 0 lets nothing pass; give a longer time"]),
    "TRACE": (", methods: [TRACE]", ["proxy.yaml:3:80: routes[0].methods[0]: TRACE never passes"]),
    "connect": (", methods: [connect]", ["proxy.yaml:3:80: routes[0].methods[0]: CONNECT never passes"]),
    "lower case": (", methods: [get]", ["proxy.yaml:3:80: routes[0].methods[0]: methods are case-sensitive; write GET"]),
    "no token": (", methods: ['G T']", ["proxy.yaml:3:80: routes[0].methods[0]: not a method"]),
    "no method": (
        ", methods: []",
        ["proxy.yaml:3:79: routes[0].methods: an empty list lets nothing pass; leave the key out for all methods"],
    ),
    "text for a list": (", methods: GET", ["proxy.yaml:3:79: routes[0].methods: expected a list such as [a, b], got text"]),
    "403 alone": (
        ", expired_when: {status: [403]}",
        ["proxy.yaml:3:93: routes[0].expired_when.status: 403 alone says nothing about a token; add `header` or `body`"],
    ),
    "200 alone": (
        ", expired_when: {status: [401, 200]}",
        ["proxy.yaml:3:93: routes[0].expired_when.status: 200 alone says nothing about a token; add `header` or `body`"],
    ),
    "403 with a broken body": (
        ", expired_when: {status: [403], body: {contain: x}}",
        [
            "proxy.yaml:3:106: routes[0].expired_when.body.contains: this key is missing",
            "proxy.yaml:3:107: routes[0].expired_when.body.contain: unknown key; did you mean `contains`?",
        ],
    ),
    "Authorization": (
        ", inject: {headers: {AUTHORIZATION: x}}",
        ["proxy.yaml:3:104: routes[0].inject.headers.AUTHORIZATION: the credential's token stands in Authorization"],
    ),
    "Host": (", inject: {headers: {host: x}}", ["proxy.yaml:3:95: routes[0].inject.headers.host: bearerd sets this header itself"]),
    "hop by hop": (", inject: {headers: {te: x}}", ["proxy.yaml:3:93: routes[0].inject.headers.te: bearerd sets this header itself"]),
    "header name": (", inject: {headers: {a b: x}}", ["proxy.yaml:3:94: routes[0].inject.headers.'a b': not a header name"]),
    "header value": (
        ', inject: {headers: {a: "x\\r\\nb: hunter2"}}',
        ["proxy.yaml:3:92: routes[0].inject.headers.a: a header's value has no line end, control character or outer space"],
    ),
    "header twice": (
        ", inject: {headers: {a: x, A: y}}",
        ["proxy.yaml:3:98: routes[0].inject.headers.A: the header is said twice; names do not differ by case"],
    ),
    "date for text": (
        ", inject: {query: {v: 2024-10-01}}",
        ["proxy.yaml:3:90: routes[0].inject.query.v: expected text, got a date; put it in quotes"],
    ),
    "no for text": (
        ", inject: {query: {v: no}}",
        ["proxy.yaml:3:90: routes[0].inject.query.v: expected text, got a boolean; YAML reads no as the boolean false: put it in quotes"],
    ),
    "cert without key": (
        ", tls: {cert: pem}",
        [
            "proxy.yaml:3:75: routes[0].tls.key: `cert` needs its `key`",
            "proxy.yaml:3:82: routes[0].tls.cert: pem: No such file or directory",
        ],
    ),
    "key without cert": (
        ", tls: {key: pem}",
        [
            "proxy.yaml:3:75: routes[0].tls.cert: `key` needs its `cert`",
            "proxy.yaml:3:81: routes[0].tls.key: pem: No such file or directory",
        ],
    ),
    "no certificate": (
        ", tls: {cert: proxy.yaml, key: proxy.yaml}",
        ["proxy.yaml:3:82: routes[0].tls.cert: proxy.yaml and proxy.yaml: not a PEM certificate and its key, without password"],
    ),
    "host with a port": (", host: 'a:1'", ["proxy.yaml:3:76: routes[0].host: expected a host name, without port or scheme"]),
    "probe path": (", probe: {path: me}", ["proxy.yaml:3:84: routes[0].probe.path: not a path: it begins with /"]),
    "name": (', name: "a\\nb"', ["proxy.yaml:3:76: routes[0].name: a name is made of letters, digits and . _ : / -"]),
    "egress proxy": (
        ", proxy: 'proxy:3128'",
        [
            "proxy.yaml:3:77: routes[0].proxy: expected a URL that starts with https:// or http:// and names a host",
        ],
    ),
}


@pytest.mark.parametrize(("more", "expected"), BROKEN_KEYS.values(), ids=BROKEN_KEYS)
def test_a_broken_key_of_a_route_is_told_at_its_place(lines: Lines, more: str, expected: list[str]) -> None:
    """One line per problem, with file, line, column, key and what to do."""
    assert lines(TOP + CRM % more) == expected


UPSTREAMS = {
    "http": ("http://api.example", "http shows everything on the way; write https, or allow_plaintext: true"),
    "metadata": ("https://169.254.169.254/", "a link-local or metadata address is not called; allow_link_local: true allows it"),
    "link-local": ("https://[fe80::1]/", "a link-local or metadata address is not called; allow_link_local: true allows it"),
    "mapped": ("https://[::ffff:169.254.1.1]/", "a link-local or metadata address is not called; allow_link_local: true allows it"),
    "AWS": ("https://[fd00:ec2::254]/", "a link-local or metadata address is not called; allow_link_local: true allows it"),
    "dots": ("https://api.example/a/%2E./b", "the URL's path cannot be sent: it has no dot segment"),
    "user": ("https://me:hunter2@api.example", "a URL here has no user, query or fragment"),
    "password for a port": ("https://me:hunter2", "the URL's host or port cannot be read"),
}


@pytest.mark.parametrize(("url", "text"), UPSTREAMS.values(), ids=UPSTREAMS)
def test_an_upstream_that_must_not_be_called_is_refused(lines: Lines, url: str, text: str) -> None:
    """Plain text off loopback, metadata addresses and paths that would be resolved differently are refused at load."""
    assert lines(f"{TOP}  - {{prefix: /a, credential: none, upstream: '{url}'}}") == [f"proxy.yaml:3:46: routes[0].upstream: {text}"]


@pytest.mark.parametrize(
    "route",
    [
        "upstream: 'http://127.0.0.2:8080'",
        "upstream: 'http://localhost'",
        "upstream: 'http://[::1]:1'",
        "upstream: 'http://api.example', allow_plaintext: true",
        "upstream: 'https://169.254.1.1', allow_link_local: true",
    ],
)
def test_what_is_local_or_allowed_is_taken(lines: Lines, route: str) -> None:
    """Loopback needs no permission for plain text, and each refusal has its key that lifts it."""
    assert lines(f"{TOP}  - {{prefix: /a, credential: none, {route}}}") == []


PREFIXES = {
    "relative": ("a", "it begins with /"),
    "dots": ("/a/../b", "it has no dot segment"),
    "encoded dots": ("/a/%2e%2E", "it has no dot segment"),
    "query": ("/a?b", "it has a character that a path cannot have; write it as %XX"),
    "fragment": ("/a#b", "it has a character that a path cannot have; write it as %XX"),
    "backslash": ("/a\\b", "it has a character that a path cannot have; write it as %XX"),
    "space": ("/a b", "it has a character that a path cannot have; write it as %XX"),
    "umlaut": ("/ä", "it has a character that a path cannot have; write it as %XX"),
}


@pytest.mark.parametrize(("prefix", "text"), PREFIXES.values(), ids=PREFIXES)
def test_a_prefix_that_no_request_can_have_is_refused(lines: Lines, prefix: str, text: str) -> None:
    """A prefix is a path as it stands in a request line."""
    assert lines(f"{TOP}  - {{credential: none, upstream: 'https://a.example', prefix: '{prefix}'}}") == [
        f"proxy.yaml:3:63: routes[0].prefix: not a path: {text}"
    ]


ROUTE = "  - {{prefix: {}, upstream: 'https://a.example', credential: {}}}\n"
BROKEN_SETS = {
    "alias": (
        ROUTE.format("/a", "crn"),
        ["proxy.yaml:3:61: routes[0].credential: no credential 'crn'; did you mean 'crm' (security-material.yaml:2)?"],
    ),
    "alias far from any": (ROUTE.format("/a", "xyz"), ["proxy.yaml:3:61: routes[0].credential: no credential 'xyz'"]),
    "credential not said": (
        "  - {prefix: /a, upstream: 'https://a.example'}\n",
        ["proxy.yaml:3:5: routes[0].credential: this key is missing; name an alias, or say `none` for a route without a token"],
    ),
    "credential null": (ROUTE.format("/a", "null"), ["proxy.yaml:3:61: routes[0].credential: expected text, got nothing"]),
    "duplicate prefix": (
        ROUTE.format("/a", "none") + ROUTE.format("/a/", "none"),
        ["proxy.yaml:4:14: routes[1].prefix: duplicate prefix '/a/'; also in proxy.yaml:3"],
    ),
    "duplicate prefix and host": (
        ROUTE.format("/a", "none, host: A.b") + ROUTE.format("/a", "none, host: a.b"),
        ["proxy.yaml:4:14: routes[1].prefix: duplicate prefix '/a'; also in proxy.yaml:3"],
    ),
    "duplicate name": (
        ROUTE.format("/a", "none, name: x") + ROUTE.format("/b", "none, name: x"),
        ["proxy.yaml:4:73: routes[1].name: duplicate name 'x'; also in proxy.yaml:3"],
    ),
    "name of another's prefix": (
        ROUTE.format("/a", "none, name: /b") + ROUTE.format("/b", "none"),
        ["proxy.yaml:3:73: routes[0].name: duplicate name '/b'; also in proxy.yaml:4"],
    ),
    "no mapping": ("  - /a\n", ["proxy.yaml:3:5: routes[0]: expected a mapping of keys, got text"]),
    "a mapping of routes": (
        "  a: {}\n",
        ["proxy.yaml:3:3: routes: expected a list of routes, each with `prefix`, `upstream` and `credential`"],
    ),
}


@pytest.mark.parametrize(("routes", "expected"), BROKEN_SETS.values(), ids=BROKEN_SETS)
def test_what_routes_may_not_say_together_is_told(lines: Lines, routes: str, expected: list[str]) -> None:
    """An alias exists, a prefix and a name are one route's."""
    assert lines(TOP + routes) == expected


def test_defaults_lie_under_every_route(write: Write) -> None:
    """A default holds wherever a route says nothing, at every depth."""
    path = write(
        "proxy.yaml",
        "defaults: {credential: none, via: true, timeout: {connect: 1, total: 2}, inject: {headers: {a: d, b: d}}}\n"
        "routes:\n  - {prefix: /a, upstream: 'https://a.example', via: false, timeout: {total: 9}, inject: {headers: {b: r}}}\n",
    )

    (route,) = load([path]).routes

    assert (route.credential, route.via) == ("none", False)
    assert (route.timeout.connect, route.timeout.total, route.timeout.idle) == (Seconds(1), Seconds(9), Seconds(300))
    assert route.inject.headers == {"a": "d", "b": "r"}


def test_a_mistake_in_defaults_is_told_once_at_its_own_line(lines: Lines) -> None:
    """However many routes take a default, its problem points to the default."""
    route = "  - {prefix: /%s, upstream: 'https://a.example', credential: none}\n"

    assert lines("defaults:\n  timeout: {total: x}\n  backend: y\nroutes:\n" + route % "a" + route % "b") == [
        "proxy.yaml:2:20: defaults.timeout.total: expected a duration such as 250ms, 10s, 5m or 1h",
        "proxy.yaml:3:3: defaults.backend: unknown key; here it is `upstream`",
    ]


def test_a_route_is_called_by_its_prefix(write: Write) -> None:
    """Without a name the prefix is it, with the host in front where a prefix repeats."""
    path = write(
        "proxy.yaml",
        "routes:\n" + ROUTE.format("/a", "none") + ROUTE.format("/b", "none, host: b.example") + ROUTE.format("/b", "none, name: x"),
    )

    assert [route.name for route in load([path]).routes] == ["/a", "/b", "x"]


def test_repeated_prefixes_are_told_apart_by_their_hosts(write: Write) -> None:
    """Two routes for one prefix never share a name."""
    path = write("proxy.yaml", "routes:\n" + ROUTE.format("/b", "none, host: b.example") + ROUTE.format("/b", "none"))

    assert [route.name for route in load([path]).routes] == ["b.example/b", "/b"]


def test_yaml_anchors_and_merge_keys_work(write: Write) -> None:
    """What YAML itself offers against repetition is there, an own key before a merged one."""
    path = write(
        "proxy.yaml",
        "routes:\n  - &first {prefix: /a, upstream: 'https://a.example', credential: none, via: true}\n  - {<<: *first, prefix: /b}\n",
    )

    assert [(route.prefix, route.via) for route in load([path]).routes] == [("/a", True), ("/b", True)]


def test_tls_files_are_relative_to_the_file_that_names_them(write: Write, folder: Path) -> None:
    """A configuration may be started from any directory."""
    path = write("conf/proxy.yaml", "routes:\n" + ROUTE.format("/a", "none, tls: {ca: x/ca.pem}"))

    with pytest.raises(Exception, match=r"tls\.ca: conf/x/ca\.pem: No such file"):
        load([path])
