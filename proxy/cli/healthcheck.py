"""`bearerd healthcheck`: is the instance beside this command alive?

Exit status: 0 it answers /healthz, 1 it does not, 2 wrong usage. Of the configuration nothing counts but where the admin listener is.
"""

from __future__ import annotations

import http.client
import os
import socket
from typing import TYPE_CHECKING

import click

from proxy.cli.admin_address import admin_address
from proxy.cli.configuration import chosen_files, config_option, fail, single_route_options
from proxy.settings.listen import ListenAddress
from proxy.settings.single import variable

if TYPE_CHECKING:
    from collections.abc import Mapping

UNHEALTHY = 1
TIMEOUT = 3.0  # seconds
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address to listen on is not one to call


@click.command("healthcheck", short_help="ask the running bearerd")
@config_option
@single_route_options
def command(configs: tuple[str, ...], **flags: str | None) -> None:
    """Ask the running bearerd whether it lives."""
    told, doubts = _address(configs, flags)
    try:
        status = _status(ListenAddress.parse(told))
    except ValueError as exc:
        fail([f"--admin: {exc}"])
    except (OSError, http.client.HTTPException) as exc:
        fail([f"no answer on {told}: {getattr(exc, 'strerror', None) or exc}", *doubts], UNHEALTHY)
    if status != http.client.OK:
        fail([f"{told} answered {status}", *doubts], UNHEALTHY)
    click.echo("healthy")


def _address(configs: tuple[str, ...], flags: Mapping[str, str | None]) -> tuple[str, list[str]]:
    """Where to ask, and what makes that doubtful."""
    if typed := flags.get("admin"):
        return typed, []
    paths = chosen_files(configs, flags, needed=False)
    if not paths and (said := os.environ.get(variable("admin"))):
        return said, []
    return admin_address(paths)


def _status(address: ListenAddress) -> int:
    host = _ANY.get(address.host, address.host) or "localhost"
    connection = http.client.HTTPConnection(host, address.port or None, timeout=TIMEOUT)
    try:
        if address.path is not None:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(TIMEOUT)
            connection.sock.connect(address.path)
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()
