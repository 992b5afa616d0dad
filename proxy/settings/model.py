"""Everything that a configuration can say, outside routes and credentials.

The names are a contract: add keys, rename none.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from proxy.egress import Egress
from proxy.http.routing import Options, Positive, Route
from proxy.oauth.credential import Credential
from proxy.settings.problems import Warned
from proxy.units import Bytes, Seconds


class Listener(Options, frozen=True, kw_only=True):
    """Where legacy applications call: `host:port`, `[::1]:port` or `unix:/path`."""

    address: str = "127.0.0.1:6750"
    head_timeout: Seconds = Seconds(10)
    idle_timeout: Seconds = Seconds(75)
    head_limit: Bytes = Bytes(32 << 10)
    max_headers: Positive = 128
    allow_anonymous: bool = False


class Admin(Options, frozen=True, kw_only=True):
    """Status, health and what `metrics` serves."""

    address: str = "127.0.0.1:6751"


class MetricsListener(Options, frozen=True, kw_only=True):
    """An own listener for /metrics, /healthz and /readyz alone."""

    address: str
    per_route: bool = True


class Log(Options, frozen=True, kw_only=True):
    """Event and access lines; a path is logged without its query."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    access: bool = True


class TokenStoreOptions(Options, frozen=True, kw_only=True):
    """Where tokens are kept."""

    type: Literal["memory"] = "memory"
    max_tokens: Positive = 10000


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A whole configuration, checked; every route's credential is an alias here or "none"."""

    listeners: tuple[Listener, ...]
    admin: Admin
    metrics: MetricsListener | None
    drain_timeout: Seconds
    express: bool
    log: Log
    egress: Egress
    token_store: TokenStoreOptions
    routes: tuple[Route, ...]
    credentials: dict[str, Credential]
    files: tuple[str, ...] = ()  # every file that was read, for reload on change
    warnings: tuple[Warned, ...] = ()


class SettingsFile(Options, frozen=True, kw_only=True):
    """The top level of proxy.yaml; routes, credentials and defaults are taken apart piece by piece."""

    version: Literal[1] = 1
    listeners: tuple[Listener, ...] = (Listener(),)
    admin: Admin = Admin()
    metrics: MetricsListener | None = None
    drain_timeout: Seconds = Seconds(10)
    workers: Literal[1] = 1
    express: bool = False
    log: Log = Log()
    egress: Egress = Egress()
    security_material: tuple[str, ...] = ()
    token_store: TokenStoreOptions = TokenStoreOptions()
