"""proxy/http/opening.py: what the upstreams of one route share, and what each has for itself."""

from __future__ import annotations

import time
from typing import Any

import pytest

from proxy.egress import Egress, EgressProxy
from proxy.http.address import UpstreamURL
from proxy.http.opening import Opening
from proxy.http.routing import Route, RouteTLS
from proxy.http.upstream import Resolver


def route(url: str, **facts: Any) -> Route:
    return Route(prefix="/", upstream=UpstreamURL.parse(url), credential="none", name="r", **facts)


def opening(**egress: Any) -> Opening:
    return Opening(Resolver(time.monotonic), Egress(**egress))


def test_trust_is_read_once() -> None:
    """Every upstream over TLS has the same context, one without TLS has none; each has its own connections."""
    opened = opening()
    first, second, plain = (opened(route(url)) for url in ("https://a.test", "https://b.test", "http://127.0.0.1"))
    contexts = [upstream.pool._connector._context for upstream in (first, second, plain)]
    assert (contexts[0] is contexts[1], contexts[0] is None, contexts[2]) == (True, False, None)
    assert (first.pool is second.pool, first.headers.host, second.headers.host) == (False, b"a.test", b"b.test")


@pytest.mark.parametrize(
    ("url", "own", "key"),
    [
        ("https://a.test", None, "egress.proxy"),
        ("https://b.test", None, None),
        ("https://a.test", EgressProxy(url="http://own.test:3128"), "routes.r.proxy"),
    ],
)
def test_each_upstream_has_its_way_out(url: str, own: EgressProxy | None, key: str | None) -> None:
    """Judged by its own host."""
    out = opening(proxy="http://proxy.test:3128", no_proxy=("b.test",))(route(url, proxy=own)).pool._connector._egress
    assert (out.key if out else None) == key


def test_a_file_that_is_not_there_is_told() -> None:
    """At once, not at the first call."""
    with pytest.raises(OSError, match="No such file"):
        opening()(route("https://a.test", tls=RouteTLS(ca="/no/such/ca.pem")))
