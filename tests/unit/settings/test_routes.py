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
NO_FIELD = "no header's value holds a line end, a control character or a letter beyond Latin-1"
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
    "text for a list": (", methods: GET", ["proxy.yaml:3:79: routes[0].methods: expected a list: write [GET]"]),
    "403 alone": (
        ", expired_when: {status: [403]}",
        ["proxy.yaml:3:93: routes[0].expired_when.status: 403 alone says nothing about a token; add `header` or `body`"],
    ),
    "200 alone": (
        ", expired_when: {status: [401, 200]}",
        ["proxy.yaml:3:93: routes[0].expired_when.status: 200 alone says nothing about a token; add `header` or `body`"],
    ),
    "503 alone": (
        ", expired_when: {status: [401, 503]}",
        ["proxy.yaml:3:93: routes[0].expired_when.status: 503 alone says nothing about a token; add `header` or `body`"],
    ),
    "a server name that is none": (", tls: {server_name: a..b}", ["proxy.yaml:3:89: routes[0].tls.server_name: no name and no address"]),
    "403 and 2xx": (
        ", expired_when: {status: [403, 401, 200, 204, 403]}",
        ["proxy.yaml:3:93: routes[0].expired_when.status: 403, 200 and 204 alone say nothing about a token; add `header` or `body`"],
    ),
    "status out of bounds": (
        ", expired_when: {status: [600]}",
        ["proxy.yaml:3:94: routes[0].expired_when.status[0]: expected an integer from 100 to 599"],
    ),
    "status no list": (", expired_when: {status: 401}", ["proxy.yaml:3:93: routes[0].expired_when.status: expected a list: write [401]"]),
    "header that tells expiry": (
        ', expired_when: {header: {a b: x, WWW-Authenticate: "\\u20ac"}}',
        [
            "proxy.yaml:3:99: routes[0].expired_when.header.'a b': not a header name",
            f"proxy.yaml:3:120: routes[0].expired_when.header.WWW-Authenticate: {NO_FIELD}",
        ],
    ),
    "parameter without a name": (
        ", inject: {query: {'': x}}",
        ["proxy.yaml:3:91: routes[0].inject.query.'': not the name of a query parameter"],
    ),
    "parameter with its value": (
        ", inject: {query: {v=1: x}}",
        ["proxy.yaml:3:92: routes[0].inject.query.'v=1': not the name of a query parameter"],
    ),
    "parameter with a control character": (
        ', inject: {query: {"a\\tb": x}}',
        [r"proxy.yaml:3:95: routes[0].inject.query.'a\tb': not the name of a query parameter"],
    ),
    "number for a section": (
        ", timeout: 5",
        ["proxy.yaml:3:79: routes[0].timeout: expected a mapping of keys such as {response: 5s}, got an integer"],
    ),
    "403 with a broken body": (
        ", expired_when: {status: [403], body: {contain: x}}",
        [
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
        ["proxy.yaml:3:82: routes[0].tls.cert: proxy.yaml: no PEM certificate in it; expected -----BEGIN CERTIFICATE-----"],
    ),
    "host with a port": (", host: 'a:1'", ["proxy.yaml:3:76: routes[0].host: expected a host name, without port or scheme"]),
    "probe path": (", probe: {path: me}", ["proxy.yaml:3:84: routes[0].probe.path: a path begins with /: write /me"]),
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
    "dots": ("https://api.example/a/%2E./b", "the URL's path cannot be sent: it has a dot segment, . or .."),
    "user": ("https://me:hunter2@api.example", "it has a user part; take it out"),
    "query": ("https://api.example?a", "it has a query or a fragment; take it out"),
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
    "dots": ("/a/../b", "it has a dot segment, . or .."),
    "encoded dots": ("/a/%2e%2E", "it has a dot segment, . or .."),
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


RELATIVE = {"word": ("foo", ": write /foo"), "slash behind": ("crm/", ": write /crm"), "URL": ("https://a.example/", "")}


@pytest.mark.parametrize(("prefix", "hint"), RELATIVE.values(), ids=RELATIVE)
def test_a_prefix_without_its_slash_is_answered_with_it(lines: Lines, prefix: str, hint: str) -> None:
    """The line says what to write."""
    assert lines(f"{TOP}  - {{credential: none, upstream: 'https://a.example', prefix: '{prefix}'}}") == [
        f"proxy.yaml:3:63: routes[0].prefix: a prefix begins with /{hint}"
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
    "credential null": (
        ROUTE.format("/a", "null"),
        ["proxy.yaml:3:61: routes[0].credential: expected a value, got nothing; name an alias, or say `none` for a route without a token"],
    ),
    "other words for required keys": (
        "  - {path: /a, backend: 'https://a.example', alias: none}\n",
        [
            "proxy.yaml:3:6: routes[0].path: unknown key; here it is `prefix`",
            "proxy.yaml:3:16: routes[0].backend: unknown key; here it is `upstream`",
            "proxy.yaml:3:46: routes[0].alias: unknown key; here it is `credential`, the alias of one in the security material",
        ],
    ),
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
    "name of another's prefix and host": (
        ROUTE.format("/x", "none, host: a") + ROUTE.format("/x", "none, host: b") + ROUTE.format("/z", "none, name: a/x"),
        ["proxy.yaml:5:73: routes[2].name: duplicate name 'a/x'; also in proxy.yaml:3"],
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
    assert {name: value.source for name, value in route.inject.headers.items()} == {"a": "d", "b": "r"}


def test_a_mistake_in_defaults_is_told_once_at_its_own_line(lines: Lines) -> None:
    """However many routes take a default, its problem points to the default."""
    route = "  - {prefix: /%s, upstream: 'https://a.example', credential: none}\n"

    assert lines("defaults:\n  timeout: {total: x}\n  backend: y\nroutes:\n" + route % "a" + route % "b") == [
        "proxy.yaml:2:20: defaults.timeout.total: expected a duration such as 250ms, 10s, 5m or 1h",
        "proxy.yaml:3:3: defaults.backend: unknown key; here it is `upstream`",
    ]


def test_what_tells_routes_apart_is_no_default(lines: Lines) -> None:
    """A prefix or a name under `defaults` would be every route's; each route is asked for its own."""
    route = "{upstream: 'https://a.example', credential: none}"

    assert lines(f"defaults: {{prefix: /z, name: z, via: true}}\nroutes: [{route}]") == [
        "proxy.yaml:1:20: defaults.prefix: every route has its own prefix; write it there",
        "proxy.yaml:1:30: defaults.name: every route has its own name; write it there",
        "proxy.yaml:2:10: routes[0].prefix: this key is missing",
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
