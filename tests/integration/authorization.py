"""The real authorization server as tests see it: a node process and its control endpoint.

Every test registers its own clients, so that counts are never shared.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Self
from urllib.parse import quote
from urllib.request import Request, urlopen

from tests.integration.running import leashed

HERE = Path(__file__).parent
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the authorization server; id and secret need form encoding before Basic."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """Token requests of one client so far, and its tokens that are valid now."""

    requests: int
    issued: int
    refused: int
    methods: dict[str, int]
    live: int


class AuthorizationServer:
    """oidc-provider in a process of its own; it ends with its standard input, so it never outlives the tests."""

    def __init__(self) -> None:
        install_parts()
        self._process = subprocess.Popen(
            leashed("node", "authorization_server.mjs"),
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self.port: int = json.loads(self._process.stdout.readline())["port"]
        self.introspector = self.client(ttl=3600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    @property
    def token_url(self) -> str:
        """Its token endpoint."""
        return f"http://127.0.0.1:{self.port}/token"

    @property
    def introspection_url(self) -> str:
        """Its introspection endpoint (RFC 7662)."""
        return f"http://127.0.0.1:{self.port}/token/introspection"

    def client(self, *, ttl: float = 3600, scope: str = "api:read api:write") -> Client:
        """A new client whose tokens live `ttl` seconds and whose scope is at most `scope`."""
        number = next(_numbers)
        client = Client(f"client {number}+/%", f"s3cret/{number}+=% ~&?")
        self._control("PUT", client, {"secret": client.secret, "ttl": ttl, "scope": scope})
        return client

    def change(self, client: Client, *, ttl: float = 3600, scope: str = "api:read api:write") -> None:
        """New terms for the tokens that `client` gets from now on."""
        self._control("PUT", client, {"secret": client.secret, "ttl": ttl, "scope": scope})

    def counts(self, client: Client) -> Counts:
        """What `client` asked so far."""
        return self._control("GET", client)

    def revoke(self, client: Client) -> None:
        """End every token of `client`; introspection says so at once."""
        self._control("POST", client, verb="/revoke")

    def _control(self, method: str, client: Client, body: object = None, verb: str = "") -> Counts:
        url = f"http://127.0.0.1:{self.port}/control/clients/{quote(client.id, safe='')}{verb}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url, method=method, data=data), timeout=10) as response:  # our own loopback process
            return Counts(**json.load(response))


def install_parts() -> None:
    """`npm ci` once, where the parts of the lock file are not there yet."""
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (HERE / "node_modules" / "oidc-provider").is_dir():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
