"""Which addresses are never called, and which hosts are called without the egress proxy.

Pure: a host's text in, a decision out; a host that cannot be judged is refused.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORBIDDEN_V4 = (
    IPv4Network("169.254.0.0/16"),  # link-local (RFC 3927), and most clouds' metadata
    IPv4Network("100.100.100.200/32"),  # metadata of Alibaba Cloud
    IPv4Network("168.63.129.16/32"),  # Azure's wire server
    IPv4Network("192.0.0.192/32"),  # metadata of Oracle Cloud Classic
)
_FORBIDDEN_V6 = (
    IPv6Network("fe80::/10"),  # link-local (RFC 4291 §2.5.6)
    IPv6Network("fd00:ec2::254/128"),  # metadata of AWS
    IPv6Network("fd20:ce::254/128"),  # metadata of Google Cloud
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is in the last 32 bits
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291 §2.5.5.1
_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)", re.ASCII)


def forbidden_address(host: str) -> bool:
    """Whether `host` is a link-local or metadata address, however it is spelled; 127.0.0.0/8 is not.

    A name is not judged here but once it is resolved. What a resolver would take for a number (`2852039166`,
    `0xa9fea9fe`, `169.254.43518`) and that is no plain address is forbidden.
    """
    bare = host.removeprefix("[").removesuffix("]")
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return ":" in bare or bool(_NUMERIC_LABEL.fullmatch(bare.rstrip(".").rpartition(".")[2]))
    if isinstance(address, IPv4Address):
        return _forbidden_v4(address)
    embedded = _embedded(address)
    return any(address in network for network in _FORBIDDEN_V6) or (embedded is not None and _forbidden_v4(embedded))


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _forbidden_v4(address: IPv4Address) -> bool:
    return any(address in network for network in _FORBIDDEN_V4)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64 or address in _COMPATIBLE:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def bypasses_proxy(host: str, no_proxy: Iterable[str]) -> bool:
    """Whether a call to `host` goes straight out, past the egress proxy.

    An entry is `*`, a name (itself and every name below it, with or without a leading dot), an address, or a network such as 10.0.0.0/8.
    """
    name = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    return any(_bypassed(name, entry.strip().lower()) for entry in no_proxy)


def _bypassed(name: str, entry: str) -> bool:
    if entry == "*":
        return True
    try:
        return ip_address(name) in ip_network(entry.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        suffix = entry.strip(".")
        return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))


def host_matches(host: str, pattern: str) -> bool:
    """Whether `host` is what `pattern` allows: the name itself, or with `*.` in front any name below it, never the name itself."""
    name, wanted = host.rstrip(".").lower(), pattern.rstrip(".").lower()
    return name.endswith(wanted[1:]) and len(name) >= len(wanted) if wanted.startswith("*.") else name == wanted
