"""What the admin side may see of a running proxy.

A view holds states and times, never a token or a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from proxy.metrics import TokenSnapshot

if TYPE_CHECKING:
    from proxy.logs import Logs
    from proxy.metrics import Metrics


class AliasSnapshot(TokenSnapshot, Protocol):
    """One token's state with what explains it; an alias without any token has one snapshot, with state `empty`."""

    @property
    def cause(self) -> str | None:
        """The error code of the last failed fetch; None after a success."""

    @property
    def key(self) -> str | None:
        """The YAML path that repairs it."""

    @property
    def cooling_until(self) -> float | None:
        """Epoch seconds until which the token endpoint is not asked."""


class AdminView(Protocol):
    """The running proxy, read at each call."""

    @property
    def metrics(self) -> Metrics: ...
    @property
    def logs(self) -> Logs: ...
    def ready(self) -> bool:
        """Configured, and every listener accepts connections."""

    def draining(self) -> bool:
        """Stopping: new requests should go elsewhere."""

    def tokens(self) -> Iterable[AliasSnapshot]:
        """Every configured alias, at least once."""

    def refusals(self) -> Mapping[str, float]:
        """Routes whose API refused a new token a moment ago, and for how many seconds none is fetched because of it."""

    def config_detail(self) -> Mapping[str, object]:
        """How the last load or reload ended, such as {"last_reload": "failed", "errors": 2}; shown as it is."""
