"""What an import writes is a configuration: settings take every type of it once its variables and files are there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml

from proxy.importing import cpi, destination, service_key
from proxy.importing.destination_keys import KINDS
from proxy.importing.writing import Places, write
from proxy.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.importing.conftest import Translate

EVERYTHING: dict[str, Any] = {
    "Name": "crm",
    "Type": "HTTP",
    "Description": "yes",
    "URL": "http://api.example/v1?a=b",
    "User": "anna",
    "clientId": "nightly",
    "clientSecret": "hunter2",
    "tokenServiceURL": "http://login.example/{tenant}/token?x=1&api_key=hunter2",
    "tokenServiceURLType": "Common",
    "tokenServiceURL.SocketReadTimeoutInSeconds": "20",
    "tokenService.body.resource": "${urn:x",
    "tokenService.body.password2": "hunter2",
    "tokenServiceURL.headers.X-A": "1",
    "tokenServiceURL.queries.c": "on",
    "URL.headers.X-Env": "no",
    "URL.headers.apiKey": "hunter2",
    "URL.queries.language": "${",
    "sap-client": "100",
    "scope": "a b",
    "audience": "aud",
    "HTML5.Timeout": "90000",
    "HTML5.PreserveHostHeader": "true",
    "HTML5.SetXForwardedHeaders": "true",
}
SAML = {
    "clientKey": "nightly",
    "companyId": "ACME",
    "SystemUser": "anna",
    "assertionIssuer": "i",
    "nameIdFormat": "urn:x",
    "apiKey": "hunter2",
}
ADDED: dict[str, dict[str, Any]] = {
    "": {},
    "a certificate": {"tokenService.KeyStoreLocation": "a.p12"},
    "an assertion": {"clientAssertion.destinationName": "other"},
    "one user of the token service": {"tokenServiceUser": "nightly", "tokenServicePassword": "hunter2"},
    "another user of the token service": {"tokenServiceUser": "basic", "tokenServicePassword": "other"},
    "in the header": {"tokenService.addClientCredentialsInBody": "false"},
    "a trust store": {"TrustStoreLocation": "a.jks"},
}
CPI: list[dict[str, Any]] = [
    {
        "Name": "CRM",
        "Description": "on",
        "TokenServiceUrl": "https://login.example/t?grant_type=client_credentials",
        "ClientId": "1",
        "Scope": "a b",
        "ScopeContentType": "json",
        "Resource": "r",
        "Audience": "a",
        "CustomParameters": [
            {"Key": "password", "Value": "hunter2", "SendAsPartOf": "header"},
            {"Key": "v", "Value": "007", "SendAsPartOf": "url"},
            {"Key": "b", "Value": "", "SendAsPartOf": "body"},
        ],
    },
    {"Name": "CRM", "TokenServiceUrl": "https://login.example/t", "ClientId": "1", "ClientAuthentication": "header"},
    {"Name": "HR", "Kind": "successfactors", "User": "anna", "CompanyId": "ACME"},
    {"Name": "Key", "SecureParam": None, "Status": "DEPLOYED"},
]
KEY: dict[str, Any] = {"clientid": "sb-crm!b1", "clientsecret": "hunter2", "url": "https://login.example"}
SPARE = ("routes:", "  - {prefix: /spare, upstream: 'https://spare.example', credential: none}")  # settings ask for one


@pytest.fixture(scope="module")
def pems() -> dict[str, str]:
    issued = trustme.CA().issue_cert("client.example")
    return {"key": issued.private_key_pem.bytes().decode(), "certificate": b"".join(one.bytes() for one in issued.cert_chain_pems).decode()}


def take(folder: Path, monkeypatch: pytest.MonkeyPatch, pems: dict[str, str], translate: Translate, export: object) -> dict[str, Any]:
    """Loads what the export comes to, with every variable and file that it asks for; the credentials' types by alias."""
    everything = translate(json.dumps(export).encode(), "fallback")
    written = write("x", everything, (), Places(material="material.yaml", routes_apart=True))
    (folder / "material.yaml").write_text(written.material)
    routes = written.routes.replace("routes: []", "routes:")
    routed = "- prefix" in routes.replace("# - prefix", "")
    (folder / "routes.yaml").write_text(routes if routed else routes.replace("routes:", "\n".join(SPARE), 1))
    for line in written.summary:
        for asked in line.split("; "):
            verb, _, name = asked.partition(" ")
            text = pems["key" if name.lower().endswith(("key", "key.pem")) and "api" not in name.lower() else "certificate"]
            if verb == "write":
                (folder / name).write_text(text)
            elif verb == "set":
                monkeypatch.setenv(name, text if name.endswith(("PRIVATE_KEY", "CERTIFICATE")) else "x")
    found = load([folder / "routes.yaml"])
    material = yaml.safe_load(written.material)["credentials"]
    assert set(found.credentials) == set(material)
    return {alias: one["type"] for alias, one in material.items()}


@pytest.mark.parametrize("added", ADDED)
@pytest.mark.parametrize("authentication", KINDS)
def test_destinations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pems: dict[str, str], authentication: str, added: str) -> None:
    """Every type of authentication with every documented family of keys loads."""
    saml = SAML if "SAML" in authentication else {}
    export = {**EVERYTHING, **saml, **ADDED[added], "Authentication": authentication}
    kind = KINDS[authentication]
    found = take(tmp_path, monkeypatch, pems, destination.translate, export)
    assert found == ({"crm": kind.ours} if kind.ours and not kind.blocked else {})


def test_cpi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pems: dict[str, str]) -> None:
    """Every entity of CPI that has a counterpart loads."""
    types = {"CRM": "oauth2_client_credentials", "CRM-2": "oauth2_client_credentials", "HR": "user_credentials", "Key": "secure_parameter"}
    assert take(tmp_path, monkeypatch, pems, cpi.translate, CPI) == types


@pytest.mark.parametrize(
    "change", [{}, {"certificate": "x", "key": "y", "certurl": "https://cert.example"}, {"app_tid": "1"}, {"uri": "https://api.example"}]
)
def test_service_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pems: dict[str, str], change: dict[str, str]) -> None:
    """A service key loads, with a secret and with a certificate."""
    assert take(tmp_path, monkeypatch, pems, service_key.translate, {**KEY, **change}) == {"fallback": "oauth2_client_credentials"}
