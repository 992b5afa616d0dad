"""The API that is called: nginx, one process, which takes our tokens alone, reads whole bodies and writes down what it got and gave.

Every answer's head differs (X-Request-Id), so that no contender can have seen it before.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.bench.contender import UnavailableError, free_port
from tests.integration.running import leashed

if TYPE_CHECKING:
    from pathlib import Path

    import trustme

SMALL = 1 << 10  # bytes of the answer to GET /open
BIG = 1 << 20  # bytes of /big
QUIET = 0.05  # seconds without an answer, after which none is under way
WAIT = 10.0  # seconds for nginx to listen, or to write its log
MOST = 40_000  # files: a connection for each of 10,000 routes of several contenders; nginx allots memory for all of them
PROGRAMS = ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx")

# A POST goes on to `inner` without its body, since only a location that proxies reads a body whole before it answers.
CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
  log_format counts '$status $request_length $body_bytes_sent';
  access_log {folder}/access.log counts buffer=1m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_body_buffer_size 64k;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  sendfile on;
  tcp_nodelay on;
  open_file_cache max=10 inactive=1h;
  default_type application/json;
  map_hash_bucket_size 256;
  map $http_authorization $taken {{
    "Bearer {key}.1" 1;
    "~^Bearer {key}\\.[0-9]+$" 1;
    default 0;
  }}
  map $taken $challenge {{ 0 'Bearer error="invalid_token"'; default ''; }}
  upstream inner {{ server unix:{folder}/inner.sock; keepalive 600; }}
  server {{
    listen unix:{folder}/inner.sock;
    access_log off;
    location / {{ return 200 '{small}'; }}
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    listen 127.0.0.1:{tls_port} ssl backlog=4096;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
    root {folder}/files;
    add_header X-Request-Id $request_id;
    add_header WWW-Authenticate $challenge always;
    if ($taken = 0) {{ return 401; }}
    location = /open {{ return 200 '{small}'; }}
    location = /big {{ }}
    location = /orders {{
      proxy_pass http://inner;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_pass_request_body off;
      proxy_set_header Content-Length '';
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Served:
    """What the API did: its good answers, its others, and the bytes of requests (with heads) and of answers' bodies."""

    answers: int
    others: int
    request_bytes: int
    body_bytes: int


def served(log: str) -> Served:
    """What an access log tells. 499 is nginx's word for a caller that left, as those do that are under way when a load ends."""
    rows = [line.split() for line in log.splitlines()]
    good = [row for row in rows if row[0] == "200"]
    others = sum(row[0] not in {"200", "499"} for row in rows)
    return Served(len(good), others, sum(int(row[1]) for row in good), sum(int(row[2]) for row in good))


class Upstream:
    """A running nginx of our own in `folder`, which takes the tokens `key.N`; the system's service is another.

    Raises:
        UnavailableError: there is no nginx here, or it does not start.
    """

    def __init__(self, folder: Path, key: str, authority: trustme.CA) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        (folder / "files").mkdir()
        (folder / "files" / "big").write_bytes(b"x" * BIG)
        self._write_config(key)

    def _write_config(self, key: str) -> None:
        import resource  # noqa: PLC0415  # Unix has it, and only here is it asked

        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = MOST if allowed == resource.RLIM_INFINITY else min(MOST, allowed)
        text = CONFIG.format(
            folder=self.folder, port=self.port, tls_port=self.tls_port, key=key, small=" " * SMALL, files=files, connections=files - 100
        )
        (self.folder / "nginx.conf").write_text(text, encoding="ascii")

    def __enter__(self) -> Self:
        program = next((each for each in PROGRAMS if os.access(each, os.X_OK)), None)
        if program is None:
            raise UnavailableError("nginx is missing; tests/setup installs it")
        self._process = subprocess.Popen(
            leashed(program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "error.log")),
            stdin=subprocess.DEVNULL,
        )
        until = time.monotonic() + WAIT
        while not (self.folder / "nginx.pid").exists() or not (self.folder / "nginx.pid").read_text().strip():
            if self._process.poll() is not None or time.monotonic() > until:
                raise UnavailableError(f"nginx does not start: {(self.folder / 'error.log').read_text()}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def taken(self) -> Served:
        """What was served since the last look, once nothing more is: calls that were under way have come to their end."""
        log = more = self._look()
        while more:
            time.sleep(QUIET)
            more = self._look()
            log += more
        return served(log)

    def _look(self) -> str:
        """The log since the last look. nginx writes what it held back when it opens its log anew."""
        log, kept = self.folder / "access.log", self.folder / "access.log.1"
        log.rename(kept)
        self._process.send_signal(signal.SIGUSR1)
        until = time.monotonic() + WAIT
        while not log.exists():
            if time.monotonic() > until:
                raise TimeoutError("nginx opens no new log")
            time.sleep(0.001)
        return kept.read_text(encoding="ascii")
