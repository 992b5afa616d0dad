"""Addresses that users write for listeners: `host:port`, `[::1]:port`, `unix:/path`.

Pure: text in, an address out.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from proxy.addresses import is_loopback

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Host and port (0 = any free one), or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str | None = None

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """The address that `text` says.

        Raises:
            ValueError: it is neither host:port nor unix:/path.
        """
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path.startswith("/") or "\0" in path:
                raise ValueError("a Unix socket is written unix:/path, from the root")
            return cls(path=path)
        host, colon, port = text.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()) or len(port) > len(str(_LAST_PORT)) or int(port) > _LAST_PORT:
            raise ValueError("expected host:port, [::1]:port or unix:/path")
        if ":" in host and not (host.startswith("[") and host.endswith("]")):
            raise ValueError("an IPv6 address stands in brackets: [::1]:6750")
        bare = host.removeprefix("[").removesuffix("]")
        if not bare or not bare.isascii() or not bare.isprintable() or set(bare) & set(" /@?#[]\\"):
            raise ValueError("expected host:port, [::1]:port or unix:/path")
        return cls(bare.lower(), int(port))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can call it."""
        return self.path is not None or is_loopback(self.host)

    def clashes(self, other: ListenAddress) -> bool:
        """Whether both cannot be listened on at once."""
        if self.path is not None or other.path is not None:
            return self.path == other.path
        same_host = self.host == other.host or _is_any(self.host) or _is_any(other.host)
        return self.port == other.port != 0 and same_host


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False
