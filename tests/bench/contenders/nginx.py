"""nginx with a fixed Authorization header: what forwarding alone costs, the floor that nobody here goes below.

It gets no token and renews none, so it stays away where tokens change.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.contender import UnavailableError, free_port
from tests.bench.contenders.process import running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from tests.bench.contender import Landscape, Running

CONNECTIONS = 4096  # callers' and upstream's together
KEPT = 1024
CALLS = 1_000_000_000  # on one connection: none is closed by their number
TEMPORARY = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"
TLS = """
    proxy_ssl_trusted_certificate {ca};
    proxy_ssl_verify on;
    proxy_ssl_name localhost;
"""


def config(landscape: Landscape, port: int, *, root: bool) -> str:
    """The contents of nginx.conf; a master that is root would give its worker another user, who may not read the folder."""
    scheme = "https" if landscape.tls else "http"
    paths = "\n".join(f"    {name}_temp_path {landscape.folder}/{name};" for name in TEMPORARY)
    locations = "\n".join(f"        location {prefix}/ {{ proxy_pass {scheme}://api/; }}" for prefix in landscape.prefixes)
    return f"""{"user root;" if root else ""}
daemon off;
worker_processes 1;
worker_rlimit_nofile {2 * CONNECTIONS};
pid {landscape.folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {CONNECTIONS}; }}
http {{
    access_log off;
    keepalive_requests {CALLS};
    client_max_body_size 0;
{paths}
    upstream api {{ server 127.0.0.1:{landscape.upstream}; keepalive {KEPT}; keepalive_requests {CALLS}; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization "Bearer {landscape.token}";
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
{TLS.format(ca=landscape.ca) if landscape.ca else ""}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
{locations}
    }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """The distribution's."""

    name: str = "nginx"
    cannot: Mapping[str, str] = field(
        default_factory=lambda: {"refresh": "a fixed header knows no refresh", "herd401": "a fixed header heals no 401"},
    )

    def prepare(self) -> None:
        if not shutil.which("nginx"):
            raise UnavailableError("nginx is not installed")

    def start(self, landscape: Landscape) -> AbstractContextManager[Running]:
        port = free_port()
        told = landscape.folder / "nginx.conf"
        told.touch(mode=0o600)
        told.write_text(config(landscape, port, root=os.geteuid() == 0))
        return running(["nginx", "-p", landscape.folder, "-e", "stderr", "-c", told], port, landscape.folder)
