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
from proxy.trust import Trust

if TYPE_CHECKING:
    from proxy.egress import Egress
    from proxy.http.routing import Route
    from proxy.http.upstream import Resolver


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens upstreams; `presented` are headers in which callers show whose token is asked for, and which go no further.

    `trust` and `policies` may be shared with others, and then so are the contexts and the header policies of those who say the same.
    """

    resolver: Resolver
    egress: Egress
    presented: tuple[str, ...] = ()
    trust: Trust = field(default_factory=Trust)
    policies: dict[HeaderPolicy, HeaderPolicy] = field(default_factory=dict)

    def __call__(self, route: Route) -> Upstream:
        """The upstream that `route` names, not connected yet.

        Raises:
            OSError: a TLS file is missing or unreadable (ssl.SSLError is one).
        """
        target = route.upstream
        context = self.trust.context(route.tls, self.egress.ca) if target.scheme == "https" else None
        out = way_out(target.host, self.egress, own=route.proxy, key=f"routes.{route.name}.proxy")
        connector = Connector(route, resolver=self.resolver, context=context, egress=out)
        pool = ConnectionPool(connector, route.pool, clock=time.monotonic, name=route.name, wait=route.timeout.response)
        policy = HeaderPolicy.of(route, self.presented)
        return Upstream(route, self.policies.setdefault(policy, policy), pool)
