"""A folder with configuration files, which is also the current directory; no bearerd or proxy variable is set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from textwrap import indent

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from proxy.settings import SettingsError, load
from proxy.settings.model import Settings

MATERIAL = """\
credentials:
  crm:
    type: oauth2_client_credentials
    token_url: https://login.example/token
    client_id: erp
    client_secret: {env: CRM_SECRET}
"""
ROUTE = """\
security_material: [security-material.yaml]
routes:
  - prefix: /crm
    upstream: https://api.example
    credential: crm
"""


@cache
def self_signed(name: str = "crm") -> tuple[str, str]:
    """A private key and the certificate over it, PEM; another name, another key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(who, who, key.public_key(), 1, datetime.now(UTC), datetime.now(UTC) + timedelta(days=365))
    certificate = builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), certificate


def certificate_over(key: bytes, end: datetime) -> str:
    """A certificate over this private key, PEM, that holds until `end`."""
    private, who = load_pem_private_key(key, None), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "crm")])
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    builder = x509.CertificateBuilder(who, who, private.public_key(), 1, end - timedelta(days=365), end)
    return builder.sign(private, SHA256()).public_bytes(Encoding.PEM).decode()


Lines = Callable[..., list[str]]
Write = Callable[[str, str | bytes], Path]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("BEARERD_CLIENT_SECRET", raising=False)
    monkeypatch.delenv("UNSET", raising=False)
    monkeypatch.setenv("CRM_SECRET", "s3cret")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("NOT_TEXT", "hunter2\udcff")
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def lines(write: Write) -> Lines:
    """Loads proxy.yaml beside security-material.yaml; the lines of its problems, none for a good one."""

    def lines(proxy: str | bytes, material: str | bytes = MATERIAL) -> list[str]:
        write("security-material.yaml", material)
        try:
            load([write("proxy.yaml", proxy)])
        except SettingsError as exc:
            return [str(problem) for problem in exc.problems]
        return []

    return lines


Told = Callable[..., list[str]]
Loaded = Callable[..., Settings]
TOKEN_URL = "token_url: https://login.example/token\n"
CLIENT = TOKEN_URL + "client_id: erp\nclient_secret: {env: CRM_SECRET}\n"
GRANT = "type: oauth2_client_credentials\n" + CLIENT


@pytest.fixture
def loaded(write: Write) -> Loaded:
    """Loads one route with one credential, crm, of these keys, and `more` aliases."""

    def loaded(credential: str, route: str = "", more: str = "") -> Settings:
        key, certificate = self_signed()
        for name, content in {"key": key, "certificate": certificate, "other": self_signed("other")[1], "secret": "hidden"}.items():
            write(name, content).chmod(0o600)
        write("security-material.yaml", "credentials:\n  crm:\n" + indent(credential, "    ") + indent(more, "  "))
        routes = "security_material: [security-material.yaml]\nroutes:\n  - {prefix: /, upstream: 'https://api.example', credential: crm"
        return load([write("proxy.yaml", f"{routes}{route}}}\n")])

    return loaded


@pytest.fixture
def told(loaded: Loaded) -> Told:
    """What is wrong with such a credential: `key: text`, without the place and the alias; nothing for a good one."""

    def told(credential: str, route: str = "", more: str = "") -> list[str]:
        try:
            loaded(credential, route, more)
        except SettingsError as exc:
            return [f"{problem.key.removeprefix('credentials.crm.')}: {problem.text}" for problem in exc.problems]
        return []

    return told
