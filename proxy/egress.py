"""The way out: an HTTP proxy for calls to APIs and token endpoints, for whom it is not used, and what it is told of us.

Pure: a password is a place here; who opens a connection reads it.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from proxy.addresses import bypasses_proxy
from proxy.secrets import Secret  # msgspec reads the fields' types
from proxy.units import FilePath


class EgressProxy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An HTTP proxy of a route or a token request: its URL, or a mapping with a user and password."""

    SHORT: ClassVar[str] = "url"  # the field that a text alone stands for

    url: str
    username: str | None = None
    password: Secret | None = None


class Egress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The way out: an HTTP proxy, whom it does not serve, and a CA added to the system's trust."""

    proxy: str | None = None
    username: str | None = None
    password: Secret | None = None
    no_proxy: tuple[str, ...] = ()
    ca: FilePath | None = None


@dataclass(frozen=True, slots=True)
class WayOut:
    """The proxy that a call takes.

    Args:
        url: `http://host:port`.
        key: the YAML path that says it.
        username: None where it asks for nobody.
        password: read when a connection is made.
        password_key: the YAML path that repairs a 407.
    """

    url: str
    key: str
    username: str | None = None
    password: Secret | None = None
    password_key: str = ""

    @property
    def unknown(self) -> str:
        """What a 407 of it says (RFC 9110 §15.5.8)."""
        return "it asks for a user and password" if self.username is None else "it refuses the user and password"


def way_out(host: str, egress: Egress, *, own: EgressProxy | None, key: str) -> WayOut | None:
    """How a call to `host` leaves: through its own proxy, which `key` says, else the one for all; None: straight.

    The user and password of `egress` go to the proxy of `egress` alone, wherever it is named.
    """
    if own is None and egress.proxy is None:
        return None
    if bypasses_proxy(host, egress.no_proxy):
        return None
    if own is not None and (own.username is not None or own.url != egress.proxy):
        password_key = f"{key}.password" if own.username is not None else key
        return WayOut(own.url, f"{key}.url" if own.username is not None else key, own.username, own.password, password_key)
    shared = "egress.password" if egress.username is not None else "egress.proxy"
    return WayOut(egress.proxy or "", "egress.proxy" if own is None else key, egress.username, egress.password, shared)


def basic(username: str, password: str) -> str:
    """The value of Proxy-Authorization (RFC 7617 §2); a name has no colon."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")
