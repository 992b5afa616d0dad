"""A route in service: its rules, its connections, its tokens, and what it remembers between calls.

Everything that outlives a call and belongs to one route is here, and nowhere else.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxy.errors import RouteBusyError
from proxy.http.retry import RetryBudget, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.http.body import MemoryBudget
    from proxy.http.headers import HeaderPolicy
    from proxy.http.routing import Route
    from proxy.http.upstream import ConnectionPool
    from proxy.metrics import RouteMetrics
    from proxy.oauth.source import TokenSource
    from proxy.oauth.token import TokenKey


@dataclass(frozen=True, slots=True)
class RouteToken:
    """Where a route's tokens come from."""

    alias: str
    source: TokenSource
    key: TokenKey
    asked: tuple[str, ...]  # the scope that the credential asks for


@dataclass(slots=True, eq=False)
class ActiveRoute:
    """One route's parts; `token` is None for `credential: none`."""

    route: Route
    headers: HeaderPolicy
    pool: ConnectionPool
    memory: MemoryBudget
    metrics: RouteMetrics
    token: RouteToken | None
    policy: RetryPolicy = field(init=False)
    budget: RetryBudget = field(default_factory=RetryBudget)
    refused_until: float = 0.0  # monotonic seconds until which no token is fetched anew because of a 401
    running: int = 0

    def __post_init__(self) -> None:
        self.policy = RetryPolicy(self.route)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A place among `max_concurrency` calls.

        Raises:
            RouteBusyError: none is free.
        """
        limit = self.route.max_concurrency
        if limit is not None and self.running >= limit:
            raise RouteBusyError("the route serves as many calls as it may", key=f"routes.{self.route.name}.max_concurrency", retry_after=1)
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
