"""The real authorization server as tests see it: a node process, its two listeners and its control endpoint.

Every test registers its own clients, so that counts are never shared.
"""

from __future__ import annotations

import fcntl
import json
import ssl
import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypedDict, Unpack
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import trustme

from tests.fakes.witness import WITNESS
from tests.integration.certificates import ClientCertificate, SigningKey, issued, self_signed
from tests.integration.running import leashed

HERE = Path(__file__).parent
RESOURCE = "urn:bearerd:api"  # where none is asked for
ORDERS, STOCK = "https://api.example/orders", "https://api.example/stock"  # more resources; STOCK has no api:write
SECRET_METHODS = {"client_secret_basic", "client_secret_post", "client_secret_jwt"}
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the authorization server; id and secret need form encoding before Basic."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """The one user that the password grant knows; its name and password need form encoding."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """Token requests of one client so far, and its tokens that are valid now."""

    requests: int
    issued: int
    refused: int
    methods: dict[str, int]
    grants: dict[str, int]
    live: int


class Terms(TypedDict, total=False):
    """How the server treats a client, beyond its metadata; store.mjs has the defaults."""

    refresh_ttl: int  # seconds that its refresh tokens live
    rotate: bool  # each refresh answers a new refresh token
    dpop_nonce: bool  # its DPoP proofs must carry a nonce
    strict: bool  # its secret is taken in its registered place alone
    assertion_header: dict[str, str]  # what the header of its client assertion must hold
    issuers: dict[str, Any]  # issuer -> JWKS: whose JWTs it may bring besides its own
    saml_certificate: str  # PEM: who signs its SAML assertions


class AuthorizationServer:
    """oidc-provider in a process of its own; it ends with its standard input, so it never outlives the tests."""

    def __init__(self) -> None:
        install_parts()
        self._temporary = TemporaryDirectory(prefix="authorization-server-")
        self.folder = Path(self._temporary.name)
        self._authority = trustme.CA()
        self.ca = self.folder / "ca.pem"
        self._write_certificates()
        self._registered: dict[str, dict[str, Any]] = {}
        with (self.folder / "stderr").open("wb") as told:
            self._process = subprocess.Popen(
                leashed("node", "authorization_server/main.mjs", str(self.folder)),
                cwd=HERE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.refusals
        ready = json.loads(line)
        self.port: int = ready["port"]
        self.tls_port: int = ready["tls_port"]
        self.tenant_issuer = f"{self.issuer}{ready['tenant']}"  # the same clients and tokens, for an issuer with a path
        self.user = User(**ready["user"])
        self.introspector = self.client(ttl=3600)
        WITNESS.sources.append(self.hushed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        WITNESS.sources.remove(self.hushed)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._temporary.cleanup()

    @property
    def issuer(self) -> str:
        """Its issuer by HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_issuer(self) -> str:
        """Its issuer by HTTPS, where it asks for a client certificate."""
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def token_url(self) -> str:
        """Its token endpoint."""
        return f"{self.issuer}/token"

    @property
    def tls_token_url(self) -> str:
        """Its token endpoint by HTTPS."""
        return f"{self.tls_issuer}/token"

    @property
    def introspection_url(self) -> str:
        """Its introspection endpoint (RFC 7662)."""
        return f"{self.issuer}/token/introspection"

    @property
    def revocation_url(self) -> str:
        """Its revocation endpoint (RFC 7009)."""
        return f"{self.issuer}/token/revocation"

    @property
    def refusals(self) -> str:
        """Why it refused token requests, a line each, more exactly than it says to clients."""
        return (self.folder / "stderr").read_text()

    def client(self, *, ttl: float = 3600, scope: str = "api:read api:write", terms: Terms | None = None, **metadata: Any) -> Client:
        """A new client whose tokens live `ttl` seconds and whose scope is at most `scope`; `metadata` as RFC 7591 §2 names it.

        Its secret is taken by Basic and in the form alike, unless `token_endpoint_auth_method` is given.

        Raises:
            ValueError: the server does not take these metadata.
        """
        number = next(_numbers)
        method = metadata.get("token_endpoint_auth_method", "client_secret_basic")
        longer = "0123456789abcdef" * 4 if method == "client_secret_jwt" else ""  # RFC 7518 §3.2: as long as the hash
        client = Client(f"client {number}+/%", f"s3cret/{number}+=% ~&?{longer}" if method in SECRET_METHODS else "")
        strict = "token_endpoint_auth_method" in metadata
        self._registered[client.id] = {"metadata": metadata, "terms": {"strict": strict, **(terms or {})}}
        self._register(client, ttl, scope)
        return client

    def change(self, client: Client, *, ttl: float = 3600, scope: str = "api:read api:write", **terms: Unpack[Terms]) -> None:
        """New terms for the tokens that `client` gets from now on."""
        self._registered[client.id]["terms"] |= terms
        self._register(client, ttl, scope)

    def renew_secret(self, client: Client) -> Client:
        """`client` with a new secret; the old one is refused from now on."""
        changed = Client(client.id, f"{client.secret}{next(_numbers)}")
        self._registered[client.id]["metadata"] |= {"client_secret": changed.secret}
        self._control("PUT", client, self._registered[client.id])
        return changed

    def counts(self, client: Client) -> Counts:
        """What `client` asked so far."""
        return Counts(**self._control("GET", client))

    def revoke(self, client: Client) -> None:
        """End every token of `client`; introspection says so at once."""
        self._control("POST", client, verb="/revoke")

    def revoke_access(self, client: Client) -> None:
        """End every access token of `client`; its refresh tokens stay."""
        self._control("POST", client, verb="/revoke-access")

    def refresh_token(self, client: Client, *, scopes: tuple[str, ...] = ("api:read",), resource: str = RESOURCE) -> str:
        """A refresh token of the user's for `client`, as it would come from a login in a browser."""
        told = self._control("POST", client, {"scopes": scopes, "resource": resource}, verb="/refresh-token")
        return str(told["refresh_token"])

    def renew_nonces(self) -> None:
        """From now on DPoP nonces that were given so far are refused, with a new one."""
        self._call("POST", "nonces", {})

    def hushed(self) -> list[str]:
        """Every secret, assertion and token that it was shown or issued since the last time."""
        return list(self._call("POST", "hushed", {})["hushed"])

    def client_certificate(self, subject: str) -> ClientCertificate:
        """A certificate for the common name `subject`, of the authority that the server trusts."""
        return issued(self._authority, self.folder, subject)

    def self_signed_certificate(self, subject: str, *, family: str = "EC") -> ClientCertificate:
        """A certificate that no authority issued; `family` is EC or RSA."""
        return self_signed(self.folder, subject, family=family)

    def signing_key(self, alg: str) -> SigningKey:
        """A key pair for `alg`."""
        return SigningKey.new(self.folder, alg)

    def client_context(self, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
        """TLS of a client that trusts the server, and shows `certificate`."""
        context = ssl.create_default_context(cafile=str(self.ca))
        return certificate.present(context) if certificate else context

    def server_context(self, *trusted: ClientCertificate) -> ssl.SSLContext:
        """TLS of a server on 127.0.0.1 that takes client certificates of the authority, and self-signed ones that are `trusted`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        context.load_verify_locations(self.ca)
        for certificate in trusted:
            context.load_verify_locations(certificate.cert)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _write_certificates(self) -> None:
        server = self._authority.issue_cert("127.0.0.1", "localhost")
        self._authority.cert_pem.write_to_path(str(self.ca))
        server.cert_chain_pems[0].write_to_path(str(self.folder / "server.pem"))
        server.private_key_pem.write_to_path(str(self.folder / "server.key"))

    def _register(self, client: Client, ttl: float, scope: str) -> None:
        registered = self._registered[client.id]
        registered["terms"]["ttl"] = ttl
        registered["metadata"] |= {"scope": scope} | ({"client_secret": client.secret} if client.secret else {})
        self._control("PUT", client, registered)

    def _control(self, method: str, client: Client, body: object = None, verb: str = "") -> dict[str, Any]:
        return self._call(method, f"clients/{quote(client.id, safe='')}{verb}", body)

    def _call(self, method: str, path: str, body: object) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(f"http://127.0.0.1:{self.port}/control/{path}", data, method=method), timeout=60) as response:
                told: dict[str, Any] = json.load(response)
        except HTTPError as refused:
            with refused:
                raise ValueError(refused.read().decode()) from None
        return told


def install_parts() -> None:
    """`npm ci` once, and again when the lock file has changed since."""
    lock_file, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    with lock_file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock_file.stat().st_mtime:
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], cwd=HERE, check=True)
            installed.touch()
