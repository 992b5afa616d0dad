"""A second real authorization server, written in C by other people: glewlwyd, on loopback with a database of its own.

It shares no code with oidc-provider, and answers JWTs where that one answers opaque tokens.
"""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from http.cookiejar import CookieJar
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.error import URLError
from urllib.request import HTTPCookieProcessor, Request, build_opener

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.authorization import Client
from tests.integration.running import leashed

SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")  # tables, one administrator, and no client
START = 60.0  # seconds until it answers
SCOPE = "api:read"

CONFIG = """
port = {port}
bind_address = "127.0.0.1"
external_url = "http://127.0.0.1:{port}"
login_url = "login.html"
api_prefix = "api"
static_files_path = "{folder}"
log_mode = "console"
log_level = "WARNING"
cookie_domain = "127.0.0.1"
cookie_secure = 0
session_expiration = 600
session_key = "GLEWLWYD_TEST_SESSION"
admin_scope = "g_admin"
profile_scope = "g_profile"
user_module_path = "/usr/lib/glewlwyd/user"
user_middleware_module_path = "{folder}/none"
client_module_path = "/usr/lib/glewlwyd/client"
user_auth_scheme_module_path = "/usr/lib/glewlwyd/scheme"
plugin_module_path = "/usr/lib/glewlwyd/plugin"
hash_algorithm = "SHA512"
database = {{ type = "sqlite3", path = "{folder}/glewlwyd.db" }};
"""


def missing() -> str:
    """Why it cannot be started here; empty when it can."""
    if shutil.which("glewlwyd") is None:
        return "glewlwyd is not installed"
    return "" if SCHEMA.exists() else f"{SCHEMA} is not there"


class Glewlwyd:
    """One process with one client for client_credentials; its tokens live `ttl` seconds.

    It takes id and secret of Basic as they come, without the form decoding of RFC 6749 §2.3.1, and answers 403 to a wrong one.
    """

    def __init__(self, *, ttl: int = 3600) -> None:
        self._temporary = TemporaryDirectory(prefix="glewlwyd-")
        self.folder = Path(self._temporary.name)
        self.port = _free_port()
        self.client = Client("legacy.client", "gl3wlwyd/s3cret+=%&")
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        with closing(sqlite3.connect(self.folder / "glewlwyd.db")) as database:
            database.executescript(SCHEMA.read_text())
        (self.folder / "none").mkdir()
        config = self.folder / "glewlwyd.conf"
        config.write_text(CONFIG.format(port=self.port, folder=self.folder))
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(leashed("glewlwyd", "--config-file", str(config)), stdout=log, stderr=log)
        try:
            self._configure(ttl)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._temporary.cleanup()

    @property
    def issuer(self) -> str:
        """Its issuer, which is the address of its plugin."""
        return f"http://127.0.0.1:{self.port}/api/oidc"

    @property
    def token_url(self) -> str:
        """Its token endpoint."""
        return f"{self.issuer}/token"

    @property
    def jwks_url(self) -> str:
        """The keys that its tokens are signed with."""
        return f"{self.issuer}/jwks"

    def _configure(self, ttl: int) -> None:
        self._await()
        self._call("POST", "auth/", {"username": "admin", "password": "password"})  # as its package makes it
        self._call("POST", "scope/", {"name": SCOPE, "display_name": SCOPE, "password_required": False})
        self._call("POST", "mod/plugin/", {"module": "oidc", "name": "oidc", "display_name": "OIDC", "parameters": self._parameters(ttl)})
        self._call(
            "POST",
            "client/",
            {
                "client_id": self.client.id,
                "client_secret": self.client.secret,
                "confidential": True,
                "enabled": True,
                "scope": [SCOPE],
                "authorization_type": ["client_credentials"],
                "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"],
            },
        )

    def _parameters(self, ttl: int) -> dict[str, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {
            "iss": self.issuer,
            "jwt-type": "ecdsa",
            "jwt-key-size": "256",
            "key": private.decode(),
            "cert": public.decode(),
            "access-token-duration": ttl,
            "allow-non-oidc": True,
            "auth-type-client-enabled": True,
            "client-authorization_type": "authorization_type",
            "jwks-show": True,
        }

    def _await(self) -> None:
        until = time.monotonic() + START
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise TimeoutError(f"glewlwyd does not listen\n{(self.folder / 'log').read_text()}")

    def _call(self, method: str, path: str, body: object) -> None:
        request = Request(f"http://127.0.0.1:{self.port}/api/{path}", json.dumps(body).encode(), method=method)
        request.add_header("Content-Type", "application/json")
        try:
            self._opener.open(request, timeout=60).close()
        except URLError as refused:
            told = refused.read().decode() if hasattr(refused, "read") else ""
            raise RuntimeError(f"{method} {path}: {refused}; {told}; {(self.folder / 'log').read_text()}") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
