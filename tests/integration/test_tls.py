"""HTTPS upstreams: an own CA, a client certificate, a server name.

Whatever does not verify is refused, naming the key that repairs it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from tests.fakes.raw import RawUpstream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd

pytestmark = pytest.mark.lanes


@dataclass(frozen=True, slots=True)
class Pki:
    """An authority, a server for api.internal, and a client; `files` are what a route's `tls` names."""

    server: ssl.SSLContext
    files: dict[str, str]


def _note_name(tls: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    tls.asked_name = name  # type: ignore[union-attr]  # kept on the connection for the test


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """Certificates of this test alone."""
    authority = trustme.CA()
    client = authority.issue_cert("legacy@client.internal")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.internal").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_OPTIONAL
    server.sni_callback = _note_name
    files = {"ca": tmp_path / "ca.pem", "cert": tmp_path / "client.pem", "key": tmp_path / "client.key"}
    authority.cert_pem.write_to_path(str(files["ca"]))
    client.cert_chain_pems[0].write_to_path(str(files["cert"]))
    client.private_key_pem.write_to_path(str(files["key"]))
    return Pki(server, {name: str(path) for name, path in files.items()})


def route(port: int, tls: dict[str, Any]) -> dict[str, Any]:
    return {"prefix": "/crm", "name": "crm", "upstream": f"https://127.0.0.1:{port}", "credential": "none", "tls": tls}


async def test_an_upstream_of_an_own_authority_is_called_by_name(pki: Pki, caller: Caller, bearerd: StartBearerd) -> None:
    """With ca, cert, key and server_name the handshake succeeds, with that name in it and the client's certificate shown."""
    async with RawUpstream(ssl=pki.server) as upstream:
        running = bearerd(route(upstream.port, {**pki.files, "server_name": "api.internal"}))
        got = await caller.post(f"{running.url}/crm/x", b"hello")
        assert (got.status, got.body) == (200, b"ok")
        [seen] = upstream.requests
    assert (seen.tls_name, seen.tls_peer, seen.body.data) == ("api.internal", True, b"hello")


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        pytest.param(["cert", "key"], "routes.crm.tls.ca", id="unknown authority"),
        pytest.param(["ca"], "routes.crm.tls.server_name", id="another name"),
    ],
)
async def test_what_does_not_verify_is_refused(keys: list[str], named: str, pki: Pki, caller: Caller, bearerd: StartBearerd) -> None:
    """502 upstream_tls_error names the key, and not a byte of the request is sent."""
    tls = {key: pki.files[key] for key in keys}
    tls |= {"server_name": "api.internal"} if "ca" not in keys else {"server_name": "other.internal"}
    async with RawUpstream(ssl=pki.server) as upstream:
        running = bearerd(route(upstream.port, tls))
        got = await caller.get(f"{running.url}/crm/x")
        assert (got.status, got.problem["code"], got.problem["origin"]) == (502, "upstream_tls_error", "upstream")
        assert f"change {named}" in got.problem["detail"]
        assert upstream.requests == []


async def test_a_missing_client_certificate_is_an_upstream_failure(pki: Pki, caller: Caller, bearerd: StartBearerd) -> None:
    """An upstream that requires a certificate and gets none ends in 502, not in a hanging call."""
    pki.server.verify_mode = ssl.CERT_REQUIRED
    async with RawUpstream(ssl=pki.server) as upstream:
        running = bearerd(route(upstream.port, {"ca": pki.files["ca"], "server_name": "api.internal"}) | {"retry": {"attempts": 1}})
        got = await caller.get(f"{running.url}/crm/x")
        assert got.status == 502
        assert got.problem["origin"] == "upstream"
        assert upstream.requests == []
