"""What TLS towards upstreams and token endpoints trusts and shows: one context for all who say the same.

The system's trust is always there; files are read when a context is made, once.
"""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


_SYSTEM = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # where OpenSSL is told to look in place of its own places


class Said(Protocol):
    """What a route or a token request says of TLS: files with CAs beside the system's, and with what a client shows."""

    @property
    def ca(self) -> str | None: ...
    @property
    def cert(self) -> str | None: ...
    @property
    def key(self) -> str | None: ...


class Trust:
    """The contexts of one configuration: each takes 0.8 MB and 30 ms, which 10,000 routes need not take each."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[str | None, ...], ssl.SSLContext] = {}

    def context(self, said: Said, ca: str | None) -> ssl.SSLContext:
        """The context for `said`, with `ca` trusted as well; the name that a certificate must have is no part of it.

        Raises:
            OSError: a file cannot be read, or is not what it should be (ssl.SSLError is one).
        """
        files = (ca, said.ca, said.cert, said.key)
        if files not in self._contexts:
            self._contexts[files] = _context(*files)
        return self._contexts[files]


@contextmanager
def system_trust_unread() -> Iterator[None]:
    """While this lasts, a new context trusts nobody: aiohttp makes one as it is imported, which nothing here uses."""
    before = {name: os.environ.get(name) for name in _SYSTEM}
    os.environ.update(dict.fromkeys(_SYSTEM, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _context(ca: str | None, own: str | None, cert: str | None, key: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for file in (ca, own):
        if file is not None:
            context.load_verify_locations(cafile=file)
    if cert is not None:
        context.load_cert_chain(cert, key, password="")  # an encrypted key is refused, never asked for on a terminal
    context.set_alpn_protocols(["http/1.1"])
    return context
