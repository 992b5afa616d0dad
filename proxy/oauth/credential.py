"""A credential: what one alias of the security material says."""

from __future__ import annotations

import msgspec

from proxy.oauth.grants import Grant
from proxy.oauth.options import EndpointOptions


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One alias: its name and its grant, whose fields are the alias's options; `kept` are names of what is kept of its answer."""

    alias: str
    grant: Grant
    kept: frozenset[str] = frozenset()

    @property
    def endpoint(self) -> EndpointOptions | None:
        """The options of its token endpoint; None: it has none, and nothing is fetched."""
        return self.grant if isinstance(self.grant, EndpointOptions) else None

    @property
    def scope(self) -> tuple[str, ...]:
        """The scope that it asks for."""
        return tuple(self.endpoint.scope) if self.endpoint else ()
