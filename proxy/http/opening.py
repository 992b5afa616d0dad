"""Opens the upstreams of one route: trust, the way out, connections.

What all of them share is read once, however many upstreams tokens name.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.egress import way_out
from proxy.http.active import Upstream
from proxy.http.headers import HeaderPolicy
from proxy.http.upstream import ConnectionPool, Connector
from proxy.http.upstream.connect import tls_context

if TYPE_CHECKING:
    import ssl

    from proxy.egress import Egress
    from proxy.http.routing import Route
    from proxy.http.upstream import Resolver


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens upstreams; `presented` are headers in which callers show whose token is asked for, and which go no further."""

    resolver: Resolver
    egress: Egress
    presented: tuple[str, ...] = ()
    _contexts: dict[str, ssl.SSLContext | None] = field(default_factory=dict)  # by scheme

    def __call__(self, route: Route) -> Upstream:
        """The upstream that `route` names, not connected yet.

        Raises:
            OSError: a TLS file is missing or unreadable (ssl.SSLError is one).
        """
        target = route.upstream
        if target.scheme not in self._contexts:
            self._contexts[target.scheme] = tls_context(route, self.egress.ca)
        out = way_out(target.host, self.egress, own=route.proxy, key=f"routes.{route.name}.proxy")
        connector = Connector(route, resolver=self.resolver, context=self._contexts[target.scheme], egress=out)
        pool = ConnectionPool(connector, route.pool, clock=time.monotonic, name=route.name, wait=route.timeout.response)
        return Upstream(route, HeaderPolicy.of(route, self.presented), pool)
