"""`bearerd healthcheck`: is the instance beside this command alive?

Exit status: 0 it answers /healthz, 1 it does not, 2 wrong configuration.
"""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING

import click

from proxy.cli.configuration import config_option, fail, read_or_exit, reader, single_route_options
from proxy.settings.listen import ListenAddress

if TYPE_CHECKING:
    from pathlib import Path

UNHEALTHY = 1
TIMEOUT = 3.0  # seconds
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address to listen on is not one to call


@click.command("healthcheck", short_help="ask the running bearerd")
@config_option
@single_route_options
def command(configs: tuple[Path, ...], **flags: str | None) -> None:
    """Ask the running bearerd whether it lives."""
    settings = read_or_exit(reader(configs, flags))
    address = ListenAddress.parse(settings.admin.address)
    try:
        status = _status(address)
    except (OSError, http.client.HTTPException) as exc:
        fail([f"no answer on {settings.admin.address}: {exc}"], UNHEALTHY)
    if status != http.client.OK:
        fail([f"{settings.admin.address} answered {status}"], UNHEALTHY)
    click.echo("healthy")


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
