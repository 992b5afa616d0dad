"""proxy/http/routing.py: which route takes a request, and the path that is sent up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import USUAL_METHODS, MethodNotAllowedError, PathRefusedError, RouteNotFoundError
from proxy.http.address import UpstreamURL
from proxy.http.routing import Route, RouteTable, shown_path, split_target, upstream_path

if TYPE_CHECKING:
    from collections.abc import Sequence


def route(prefix: str, upstream: str = "https://api.test", **facts: Any) -> Route:
    facts.setdefault("name", prefix)
    return Route(prefix=prefix, upstream=UpstreamURL.parse(upstream), credential="none", **facts)


TABLE = RouteTable(
    [
        route("/"),
        route("/crm"),
        route("/crm/data"),
        route("/crm", name="crm of b", host="B.test"),
        route("/slash/"),
        route("/read", methods=("GET", "HEAD")),
    ]
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/", "/"),
        (b"/x", "/"),
        (b"//", "/"),
        (b"/crm", "/crm"),
        (b"/crm/", "/crm"),
        (b"/crm/x", "/crm"),
        (b"/crm//x", "/crm"),
        (b"/crms", "/"),
        (b"/crm;v=1", "/"),
        (b"/crm%2Fdata", "/"),
        (b"/CRM", "/"),
        (b"/%63rm", "/"),
        (b"//crm", "/"),
        (b"/crm/data", "/crm/data"),
        (b"/crm/data/1", "/crm/data"),
        (b"/crm/database", "/crm"),
        (b"/slash", "/slash/"),
        (b"/slash/x", "/slash/"),
        (b"/slashx", "/"),
    ],
)
def test_the_longest_prefix_on_a_segment_boundary_takes_it(path: bytes, name: str) -> None:
    """Bytes decide; nothing is decoded for the match (MUSTS 8)."""
    assert TABLE.match(b"a.test", "GET", path).name == name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"b.test", "crm of b"),
        (b"B.TEST", "crm of b"),
        (b"b.test:8080", "crm of b"),
        (b"b.test.evil", "/crm"),
        (b"a.test", "/crm"),
        (b"", "/crm"),
        (b"[::1]:80", "/crm"),
    ],
)
def test_a_route_for_one_host_comes_first(host: bytes, name: str) -> None:
    """The port does not matter, nor the case."""
    assert TABLE.match(host, "GET", b"/crm/x").name == name


@pytest.mark.parametrize("host", [b"[::1]", b"[::1]:6750", b"[::1]:"])
def test_a_route_for_an_ipv6_host(host: bytes) -> None:
    """Its colons are no port."""
    table = RouteTable([route("/", host="[::1]")])
    assert table.match(host.removesuffix(b":"), "GET", b"/").name == "/"


@pytest.mark.parametrize(
    ("routes", "method", "path", "error"),
    [
        ([route("/crm")], "GET", b"/", RouteNotFoundError),
        ([route("/crm")], "GET", b"/crms", RouteNotFoundError),
        ([route("/crm", host="b.test")], "GET", b"/crm", RouteNotFoundError),
        ([], "GET", b"/", RouteNotFoundError),
        ([route("/"), route("/crm", methods=("GET",))], "POST", b"/crm/x", MethodNotAllowedError),
        ([route("/", methods=("GET",))], "POST", b"/", MethodNotAllowedError),
        ([route("/", methods=("GET",))], "get", b"/", MethodNotAllowedError),
        ([route("/")], "TRACE", b"/", MethodNotAllowedError),
        ([route("/")], "CONNECT", b"/", MethodNotAllowedError),
        ([route("/", methods=("TRACE", "CONNECT"))], "TRACE", b"/", MethodNotAllowedError),
    ],
)
def test_what_no_route_takes(routes: list[Route], method: str, path: bytes, error: type[Exception]) -> None:
    """404 where nothing fits, 405 where the method does not; what was not routed is told no prefix."""
    with pytest.raises(error) as raised:
        RouteTable(routes).match(b"a.test", method, path)
    assert error is MethodNotAllowedError or "crm" not in str(raised.value)


@pytest.mark.parametrize(
    ("methods", "method", "key", "allow"),
    [
        (("GET", "PROPFIND"), "POST", "routes./.methods", ("GET", "PROPFIND")),
        (("GET", "TRACE"), "POST", "routes./.methods", ("GET",)),
        (("GET", "TRACE"), "TRACE", None, ("GET",)),
        (("TRACE",), "TRACE", None, ()),
        (None, "TRACE", None, USUAL_METHODS),
        (None, "CONNECT", None, USUAL_METHODS),
    ],
)
def test_a_refused_method_is_told_the_others(methods: tuple[str, ...] | None, method: str, key: str | None, allow: tuple[str, ...]) -> None:
    """What the route takes (RFC 9110 §15.5.6), and the key, where one lets the method pass."""
    with pytest.raises(MethodNotAllowedError) as raised:
        RouteTable([route("/", methods=methods)]).match(b"a.test", method, b"/")
    assert (raised.value.key, raised.value.allow) == (key, allow)


def taker_by_hand(routes: Sequence[Route], host: bytes, path: bytes) -> Route | None:
    """The specification: every route is tried, the longest prefix first, at one prefix those for one Host first."""
    name = re.sub(rb":[0-9]+\Z", b"", host).lower()
    for one in sorted(routes, key=lambda route: (len(route.prefix.rstrip("/")), route.host is not None), reverse=True):
        prefix = one.prefix.rstrip("/").encode()
        fits = path == prefix or path.startswith(prefix + b"/")
        if fits and (one.host is None or one.host.lower().encode() == name):
            return one
    return None


PREFIXES = st.lists(st.sampled_from(["a", "b", "ab", "", "a.b"]), max_size=4).map(lambda segments: "/" + "/".join(segments))
HOSTS = st.sampled_from([None, None, "a.test", "B.test", "[::1]"])
ROUTES = st.lists(st.builds(lambda prefix, host: route(prefix, host=host), PREFIXES, HOSTS), max_size=12)
CALLED = st.sampled_from([b"a.test", b"A.TEST:80", b"b.test", b"c.test", b"[::1]", b"[::1]:6750", b""])


@given(ROUTES, CALLED, PREFIXES, st.sampled_from(["", "/", "//", "/c", "c", "/a/b/a/b/a/b"]))
def test_the_tree_answers_as_every_route_tried_in_turn(routes: list[Route], host: bytes, path: str, tail: str) -> None:
    """Whatever prefixes and hosts there are, the same route is found, or none."""
    taker = taker_by_hand(routes, host, (path + tail).encode())
    try:
        assert RouteTable(routes).match(host, "GET", (path + tail).encode()) is taker
    except RouteNotFoundError:
        assert taker is None


class Splitting(bytes):
    """A path that tells into how many parts it was split."""

    parts = 0

    def split(self, sep: Any = None, maxsplit: Any = -1) -> list[bytes]:
        parts = super().split(sep, maxsplit)
        self.parts = len(parts)
        return parts


@pytest.mark.parametrize(("path", "name"), [(b"/" * 50_000, "/"), (b"/crm" * 50_000, "/crm"), (b"/crm/data" + b"/x" * 50_000, "/crm/data")])
def test_a_long_path_costs_no_more(path: bytes, name: str) -> None:
    """Of a path only as many segments are looked at as the deepest prefix has, and one."""
    asked = Splitting(path)
    assert TABLE.match(b"a.test", "GET", asked).name == name
    assert asked.parts == len(b"/crm/data".split(b"/")) + 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PATCH", "PROPFIND"])
def test_any_other_method_passes(method: str) -> None:
    """A route without `methods` takes all but TRACE and CONNECT."""
    assert TABLE.match(b"a.test", method, b"/x").name == "/"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", b"/", None),
        (b"/a?b", b"/a", b"b"),
        (b"/a?", b"/a", b""),
        (b"/a?b?c", b"/a", b"b?c"),
        (b"/a?../..", b"/a", b"../.."),
        (b"/a?\\", b"/a", b"\\"),
        (b"//evil.test/x", b"//evil.test/x", None),
        (b"/@evil.test", b"/@evil.test", None),
        (b"/:80", b"/:80", None),
        (b"/...", b"/...", None),
        (b"/.a", b"/.a", None),
        (b"/a.", b"/a.", None),
        (b"/.well-known/x", b"/.well-known/x", None),
        (b"/..a/a..", b"/..a/a..", None),
        (b"/%2e%2e%2e", b"/%2e%2e%2e", None),
        (b"/%2ea", b"/%2ea", None),
        (b"/a%2fb", b"/a%2fb", None),
        (b"/%252e%252e/", b"/%252e%252e/", None),
        (b"/\xff%zz", b"/\xff%zz", None),
        (b"http://a.test/x?y", b"/x", b"y"),
        (b"HTTPS://A.test/x", b"/x", None),
        (b"http://a.test", b"/", None),
        (b"http://a.test?y", b"/", b"y"),
        (b"http://a.test//b", b"//b", None),
    ],
)
def test_a_target_is_split(target: bytes, path: bytes, query: bytes | None) -> None:
    """Path and query are the bytes that came."""
    assert split_target(target, b"a.test") == (path, query)


DOTS = [b".", b"..", b"%2e", b"%2E", b"%2e%2e", b".%2e", b"%2E.", b"..;", b"..;a=b", b".;x", b"%2e%2E;"]
PLACES = [b"/%b", b"/%b/", b"/a/%b", b"/a/%b/b", b"/a\\%b", b"/a%%2f%b", b"/a%%2F%b%%2fb", b"/a%%5c%b", b"/a%%5C%b/b", b"/%b?q"]


@pytest.mark.parametrize("dots", DOTS)
@pytest.mark.parametrize("place", PLACES)
def test_a_dot_segment_is_refused(dots: bytes, place: bytes) -> None:
    """In every spelling, between every separator that some server knows (MUSTS 8)."""
    with pytest.raises(PathRefusedError):
        split_target(place % dots, b"a.test")


@pytest.mark.parametrize(
    "target",
    [
        b"/a\\b",
        b"/\\",
        b"/a#b",
        b"/a?b#c",
        b"#",
        b"*",
        b"a",
        b"?",
        b"a.test/x",
        b"a.test:80",
        b"@a.test/",
        b"ftp://a.test/",
        b"file:///etc/passwd",
        b"http:/a.test/",
        b"http:a.test/",
        b"://a.test/",
        b"http://",
        b"http:///x",
        b"http://b.test/",
        b"http://a.test.evil/",
        b"http://a.test:80/",
        b"http://user@a.test/",
        b"http://a.test@evil/",
        b"http://a.test\\@evil/",
        b"http://a.test/../b",
        b"http://a.test/#f",
        b"http://a.test#f",
    ],
)
def test_a_strange_target_is_refused(target: bytes) -> None:
    """Neither a fragment nor a backslash, and absolute-form only for the Host itself (MUSTS 8, 9)."""
    with pytest.raises(PathRefusedError):
        split_target(target, b"a.test")


@pytest.mark.parametrize("target", [b"http:///x", b"http://?x", b"http://a.test/x"])
def test_absolute_form_needs_a_host(target: bytes) -> None:
    """An empty Host equals no authority."""
    with pytest.raises(PathRefusedError):
        split_target(target, b"")


@pytest.mark.parametrize(
    ("prefix", "base", "strip", "path", "sent"),
    [
        ("/", "", True, b"/", b"/"),
        ("/", "", True, b"/a//b/", b"/a//b/"),
        ("/", "", True, b"//evil.test", b"//evil.test"),
        ("/", "/", True, b"/a", b"/a"),
        ("/", "/v1", True, b"/", b"/v1/"),
        ("/", "/v1", True, b"/a", b"/v1/a"),
        ("/crm", "", True, b"/crm", b"/"),
        ("/crm", "", True, b"/crm/", b"/"),
        ("/crm", "", True, b"/crm/a%2Fb", b"/a%2Fb"),
        ("/crm", "", True, b"/crm//a", b"//a"),
        ("/crm", "/", True, b"/crm", b"/"),
        ("/crm", "/v1", True, b"/crm", b"/v1"),
        ("/crm", "/v1", True, b"/crm/", b"/v1/"),
        ("/crm", "/v1", True, b"/crm/a", b"/v1/a"),
        ("/crm", "/v1/", True, b"/crm", b"/v1/"),
        ("/crm", "/v1/", True, b"/crm/a", b"/v1/a"),
        ("/crm/", "/v1", True, b"/crm/a", b"/v1/a"),
        ("/crm", "", False, b"/crm/a", b"/crm/a"),
        ("/crm", "/v1", False, b"/crm", b"/v1/crm"),
        ("/crm", "/v1/", False, b"/crm/a", b"/v1/crm/a"),
    ],
)
def test_the_path_that_is_sent_up(prefix: str, base: str, strip: bool, path: bytes, sent: bytes) -> None:  # noqa: FBT001  # a column of the table
    """The base path, then what is left behind the prefix, byte for byte."""
    assert upstream_path(route(prefix, "https://api.test" + base, strip_prefix=strip), path) == sent


@given(st.text("/.%2eE5cCfF\\;a#?:@", max_size=20))
def test_no_spelling_climbs_out_of_its_prefix(tail: str) -> None:
    """Whatever passes has no dot segment left, even when decoded once."""
    try:
        path, _ = split_target(b"/crm/" + tail.encode(), b"a.test")
    except PathRefusedError:
        return
    decoded = path.lower().replace(b"%2e", b".").replace(b"%2f", b"/").replace(b"%5c", b"/").replace(b"\\", b"/")
    assert not {b".", b".."} & {segment.partition(b";")[0] for segment in decoded.split(b"/")}


@given(st.lists(st.sampled_from([*"/.;a", "%2e", "%2F", "%5c", "%20", ".."]), max_size=12).map("".join))
def test_no_other_path_is_refused_for_its_dots(tail: str) -> None:
    """A path is refused exactly where one of its segments, by any server's reckoning, is a dot segment."""
    path = b"/" + tail.encode()
    segments = re.split(rb"/|%2f|%5c", path, flags=re.IGNORECASE)
    climbs = any(re.fullmatch(rb"(\.|%2e){1,2}(;.*)?", segment, re.IGNORECASE) for segment in segments)
    try:
        assert split_target(path, b"a.test") == (path, None)
    except PathRefusedError:
        assert climbs
    else:
        assert not climbs


def test_a_route_that_moves_sends_elsewhere() -> None:
    """What was prepared for a route is not carried over to one made of it."""
    first = route("/crm", "https://api.test/v1")
    assert upstream_path(first, b"/crm/a") == b"/v1/a"
    assert upstream_path(msgspec.structs.replace(first, upstream=UpstreamURL.parse("https://b.test/v2")), b"/crm/a") == b"/v2/a"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/a/b", b"/a/b"),
        (b"/a?access_token=x", b"/a"),
        (b"/a#access_token=x", b"/a"),
        (b"http://user:secret@h/a?b", b"/a"),
        (b"http://user:secret@h", b"/"),
        (b"user:secret@h", b""),
        (b"*", b""),
    ],
)
def test_only_the_path_is_shown(target: bytes, shown: bytes) -> None:
    """A log line has neither the query nor the fragment nor the user of a target, refused ones included."""
    assert shown_path(target) == shown
