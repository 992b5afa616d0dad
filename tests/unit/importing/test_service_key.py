"""Service keys and bindings: XSUAA's, IAS's, those of services that they guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxy.importing.reading import WrongFileError
from proxy.importing.service_key import KEYS, translate
from proxy.importing.writing import Places

if TYPE_CHECKING:
    from tests.unit.importing.conftest import Bring

XSUAA: dict[str, Any] = {
    "clientid": "sb-crm!b1",
    "clientsecret": "hunter2",
    "url": "https://acme.authentication.eu10.hana.ondemand.com",
    "certurl": "https://acme.authentication.cert.eu10.hana.ondemand.com",
    "uaadomain": "authentication.eu10.hana.ondemand.com",
    "verificationkey": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "xsappname": "crm!b1",
    "credential-type": "binding-secret",
}
HERE: dict[str, Any] = {
    "type": "oauth2_client_credentials",
    "token_url": "https://acme.authentication.eu10.hana.ondemand.com/oauth/token",
    "client_id": "sb-crm!b1",
    "client_secret": {"env": "FILE_NAME_CLIENT_SECRET"},
    "client_auth": "client_secret_post",
}
CERTIFIED: dict[str, Any] = {"certificate": "-----BEGIN CERTIFICATE-----\nA\n", "key": "-----BEGIN PRIVATE KEY-----\nhunter2\n"}
TLS: dict[str, Any] = {
    "client_secret": None,
    "client_auth": "tls_client_auth",
    "token_request": {"tls": {"cert": "file-name.certificate.pem", "key": "file-name.key.pem"}},
}
BOUND = {"client_secret": {"env": "BOUND_CLIENT_SECRET"}}
API = "https://api.example/v2"
EXPORTS: dict[str, tuple[object, dict[str, Any], str | None]] = {
    "a key": (XSUAA, {}, None),
    "a wrapped key": ({"credentials": XSUAA}, {}, None),
    "a named binding": ({"instance_name": "bound", "label": "xsuaa", "credentials": XSUAA}, BOUND, None),
    "VCAP_SERVICES": ({"VCAP_SERVICES": {"xsuaa": [{"name": "bound", "credentials": XSUAA}]}}, BOUND, None),
    "a service's key": ({"uaa": XSUAA, "url": API, "endpoints": {}}, {}, API),
    "a service's key with its address inside": ({**XSUAA, "uri": API}, {}, API),
    "Process Integration Runtime": (
        {"oauth": {"clientid": "sb-crm!b1", "clientsecret": "hunter2", "url": API, "tokenurl": "https://login.example/oauth/token"}},
        {"token_url": "https://login.example/oauth/token"},
        API,
    ),
    "a certificate": ({**XSUAA, **CERTIFIED, "clientsecret": ""}, {**TLS, "token_url": f"{XSUAA['certurl']}/oauth/token"}, None),
    "a certificate and a secret": ({**XSUAA, **CERTIFIED}, {**TLS, "token_url": f"{XSUAA['certurl']}/oauth/token"}, None),
    "IAS": (
        {"clientid": "sb-crm!b1", "clientsecret": "hunter2", "url": "https://acme.accounts.ondemand.com/", "domains": ["a"]},
        {"token_url": "https://acme.accounts.ondemand.com/oauth2/token", "client_auth": "client_secret_basic"},
        None,
    ),
    "IAS on a domain of one's own": (
        {"clientid": "sb-crm!b1", **CERTIFIED, "url": "https://id.example", "app_tid": "1", "credential-type": "X509_GENERATED"},
        {**TLS, "token_url": "https://id.example/oauth2/token"},
        None,
    ),
    "a secret that is not there": ({**XSUAA, "clientsecret": None}, {}, None),
}


@pytest.mark.parametrize(("export", "here", "upstream"), EXPORTS.values(), ids=EXPORTS)
def test_a_key(bring: Bring, export: object, here: dict[str, Any], upstream: str | None) -> None:
    """A key is one client: its endpoint, its proof by secret or certificate, and the address of the service that it is for."""
    brought = bring(translate, export)
    assert brought.one == {key: value for key, value in {**HERE, **here}.items() if value is not None}
    assert [route["upstream"] for route in brought.routes] == ([upstream] if upstream else [])
    assert (brought.left, brought.written.whole) == (set(), True)
    assert "hunter2" not in brought.written.material
    assert "MIIB" not in brought.written.material


def test_nothing_is_lost(bring: Bring) -> None:
    """Every key that is not translated is named, those beside the client too."""
    brought = bring(translate, {"uaa": {**XSUAA, "colour": "red"}, "url": API, "sap.cloud.service": "x"})
    assert brought.idle == {
        *("uaadomain", "verificationkey", "xsappname", "credential-type", "certurl", "colour", "sap.cloud.service (beside the client)")
    }


def test_secrets_in_files(bring: Bring) -> None:
    """With a folder for secrets, certificate and key are files there."""
    brought = bring(translate, {**XSUAA, **CERTIFIED}, Places(secrets="secrets"))
    assert {file.name: file.value for file in brought.written.files} == {
        "file-name.certificate.pem": CERTIFIED["certificate"],
        "file-name.key.pem": CERTIFIED["key"],
    }
    assert brought.one["token_request"]["tls"]["key"] == "secrets/file-name.key.pem"


@pytest.mark.parametrize(("change", "why"), [({"url": None}, "the key has no url"), ({"url": "login"}, "url: expected a URL")])
def test_without_an_endpoint(bring: Bring, change: dict[str, Any], why: str) -> None:
    """A key that names no endpoint stays as a comment."""
    assert bring(translate, {**XSUAA, **change}).entries[0].blocked.startswith(why)


@pytest.mark.parametrize("export", [{}, [], {"uaa": {}}, {"clientid": 1}, {"clientid": ""}, [1, "a"]])
def test_no_key(export: object, bring: Bring) -> None:
    """What holds no client is refused."""
    with pytest.raises(WrongFileError):
        bring(translate, export)


def test_every_key_of_the_table(bring: Bring) -> None:
    """A key with a row is known: none is told to be undocumented."""
    entry = bring(translate, dict.fromkeys(KEYS, "https://a.example")).entries[0]
    assert not [left.key for left in entry.left if "documented by that name" in left.why]
