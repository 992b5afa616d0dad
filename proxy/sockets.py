"""Sockets to listen on: TCP addresses and Unix paths.

A path that is not a dead socket is never taken away.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from proxy.settings.listen import ListenAddress


class BindError(Exception):
    """A listener's address cannot be had; `key` says where it stands in the configuration."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text)
        self.key = key


def bind(address: str, key: str) -> socket.socket:
    """A bound socket; `key` is the address's own in the configuration.

    Raises:
        BindError: the address is in use or not ours.
    """
    wanted = ListenAddress.parse(address)
    try:
        if wanted.path is not None:
            return _bind_unix(wanted.path)
        family, _, _, _, place = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return _bound(family, place)
    except OSError as exc:
        raise BindError(f"{address}: {exc.strerror or exc}", key) from exc


def _bind_unix(path: str) -> socket.socket:
    try:
        return _bound(socket.AF_UNIX, path)
    except OSError:
        if not _is_dead(path):
            raise
    Path(path).unlink()
    return _bound(socket.AF_UNIX, path)


def _bound(family: int, place: object) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)  # type: ignore[arg-type]  # what getaddrinfo gave, or a path
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _is_dead(path: str) -> bool:
    """Whether a Unix socket is left over from a process that is gone; a file of another kind is never taken for one."""
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a socket listens, as `listeners[].address` says it; for a Unix path, which file that is."""

    address: str
    file: tuple[int, int] | None = None  # device and inode

    @classmethod
    def of(cls, sock: socket.socket) -> Place:
        """The place of a bound socket."""
        name = sock.getsockname()
        if isinstance(name, str):
            return cls(f"unix:{name}", _identity(Path(name)))
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return cls(f"{host}:{name[1]}")

    def release(self) -> None:
        """Take a Unix socket's path away, if it is still this socket's and no successor's."""
        path = Path(self.address.removeprefix("unix:"))
        if self.file is not None and _identity(path) == self.file:
            path.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
