"""An upstream's address: scheme, host, port and base path, taken apart once.

A URL that says more than that, or whose host is none, is refused; what is refused is never quoted.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"  # 1 to 63 bytes (RFC 1035 §2.3.4); `_` is met in real names
HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?|[0-9a-f]*:[0-9a-f:.]*(?:%25[a-z0-9]+)?")


class UpstreamURL:
    """An upstream's address, taken apart once: scheme, host, port and base path."""

    SCHEMA: ClassVar[dict[str, object]] = {
        "type": "string",
        "pattern": "^https?://",
        "description": "https://host[:port][/base/path], without user, query or fragment",
    }
    __slots__ = ("host", "path", "port", "scheme")

    def __init__(self, scheme: Literal["http", "https"], host: str, port: int, path: str) -> None:
        self.scheme: Literal["http", "https"] = scheme
        self.host = host
        self.port = port
        self.path = path

    @classmethod
    def parse(cls, value: object) -> Self:
        """The address that a URL says.

        Raises:
            ValueError: not http(s), no host, a user, a query, a fragment, or bytes that no request line carries.
        """
        if not isinstance(value, str):
            raise ValueError("expected a URL such as https://api.example.com")  # noqa: TRY004  # a settings error like any other
        if not value.isascii() or not value.isprintable() or " " in value or "\\" in value:
            raise ValueError("the URL holds a character that must be percent-encoded; a host beyond ASCII is written xn--...")
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise ValueError("the URL's host or port cannot be read") from None  # the original quotes what may be a password
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected a URL that starts with https:// or http:// and names a host")
        if parts.username is not None:
            raise ValueError("it has a user part; take it out")
        if "?" in value or "#" in value:
            raise ValueError("it has a query or a fragment; take it out")
        if not HOST.fullmatch(parts.hostname):
            raise ValueError("the URL's host is no name and no address")
        if port == 0:
            raise ValueError("port 0 is not an address")
        secure = parts.scheme == "https"
        return cls("https" if secure else "http", parts.hostname, port or (443 if secure else 80), parts.path)

    def moved_to(self, url: str) -> UpstreamURL:
        """The address that `url` says, with this one's path where that has none.

        Raises:
            ValueError: as `parse`.
        """
        there = type(self).parse(url)
        return there if there.path not in {"", "/"} else type(self)(there.scheme, there.host, there.port, self.path)

    @property
    def authority(self) -> str:
        """host[:port] as the Host header says it (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def __repr__(self) -> str:
        return f"UpstreamURL({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UpstreamURL) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))
