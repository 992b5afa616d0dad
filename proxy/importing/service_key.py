"""Service keys and bindings of SAP BTP to entries: XSUAA's, those of services that it guards, and IAS's.

A key holds one client; its certificate, where it has one, takes the secret's place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from proxy.importing.entries import Entry, Held
from proxy.importing.reading import WrongFileError, read
from proxy.importing.rules import Draft, Rule, idle, texts

_OF_TENANT = idle("names the tenant or the instance; no token request says it")
_VALIDATES = idle("for who validates tokens, not for who asks for them")

KEYS: Mapping[str, Rule] = {
    "clientid": Rule("client_id"),
    "clientsecret": Rule("client_secret", "with client_auth client_secret_post; of IAS client_secret_basic", held="secret"),
    "url": Rule("token_url", "XSUAA: with /oauth/token; IAS: with /oauth2/token"),
    "certurl": Rule("token_url", "in place of url where there is a certificate; with /oauth/token"),
    "tokenurl": Rule("token_url", "as it is"),
    "token_endpoint": Rule("token_url", "as it is"),
    "certificate": Rule("token_request.tls.cert", "with client_auth tls_client_auth"),
    "key": Rule("token_request.tls.key", "with client_auth tls_client_auth"),
    "credential-type": idle("`certificate` and `key` say it"),
    "uri": Rule("route.upstream", "the service that the key is for"),
    "grant_type": idle("client_credentials is the one that a key is for"),
    "granttype": idle("client_credentials is the one that a key is for"),
    **dict.fromkeys(("apiurl", "sburl", "osb_url", "prooftoken_url", "btp-tenant-api"), idle("another API of the same service")),
    **dict.fromkeys(
        ("uaadomain", "verificationkey", "domain", "domains", "authorization_endpoint", "authorization_bundle_url", "end_session_endpoint"),
        _VALIDATES,
    ),
    **dict.fromkeys(
        (
            *("identityzone", "identityzoneid", "subaccountid", "tenantid", "tenantmode", "xsappname", "zoneid", "zone_uuid", "app_tid"),
            *("serviceInstanceId", "instanceid", "instance_id", "trustedclientidsuffix", "createdate", "certificate_expires_at"),
        ),
        _OF_TENANT,
    ),
}
_ENDPOINTS = ("tokenurl", "token_endpoint")
_OF_SERVICE = ("url", "uri", "name", "instance_name")
_INNER = ("uaa", "oauth", "credentials")


def translate(data: bytes, fallback: str) -> list[Entry]:
    """The entries of a service key, a binding, or an environment's VCAP_SERVICES.

    Raises:
        WrongFileError: broken, or no such key.
    """
    entries = [_entry(key, around, name) for key, around, name in _keys(read(data), {}, fallback)]
    if not entries:
        raise WrongFileError("no service key in it: nothing has a clientid")
    return entries


def holds(found: Any) -> bool:
    """Whether there is a service key in it."""
    return any(True for _ in _keys(found, {}, ""))


def _keys(found: Any, around: Mapping[str, Any], name: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], str]]:
    """Every mapping with a clientid, with the one around it and the nearest name."""
    if isinstance(found, list):
        for item in found:
            yield from _keys(item, around, name)
    if not isinstance(found, dict):
        return
    for word in ("instance_name", "name"):
        name = found[word] if isinstance(found.get(word), str) and found[word] else name
    if isinstance(found.get("clientid"), str) and found["clientid"]:
        yield found, around, name
        return
    for word, inner in found.items():
        if word in _INNER or isinstance(inner, list):
            yield from _keys(inner, found, name)
        elif word == "VCAP_SERVICES":
            yield from _keys(inner, {}, name)


def _entry(key: Mapping[str, Any], around: Mapping[str, Any], name: str) -> Entry:
    draft = Draft("service key", name)
    said = texts(draft, {word: value for word, value in key.items() if word != "domains"})
    for word, value in said.items():
        if word not in KEYS:
            draft.leave(word, value, "no key of XSUAA or IAS is documented by that name", documented=False, matters=False)
        elif not KEYS[word].ours:
            draft.leave(word, value, KEYS[word].why, matters=False)
    if "domains" in key:
        draft.leave("domains", "", _VALIDATES.why, matters=False)
    for word in around:
        if word not in {*_INNER, *_OF_SERVICE}:
            draft.leave(f"{word} (beside the client)", "", "of the service or its instance; no token request says it", matters=False)
    draft.material |= {"type": "oauth2_client_credentials", "client_id": said["clientid"]}
    _client(draft, said)
    _endpoint(draft, said)
    upstream = said.get("uri") or next((around[word] for word in ("url", "uri") if isinstance(around.get(word), str)), "")
    upstream = upstream or (said.get("url", "") if "tokenurl" in said else "")
    if upstream:
        draft.upstream("url", upstream)
    return draft.entry()


def _client(draft: Draft, said: Mapping[str, str]) -> None:
    if "certificate" in said or "key" in said:
        draft.put(("client_auth",), "tls_client_auth")
        draft.put(
            ("token_request", "tls"),
            {"cert": Held("certificate", said.get("certificate"), "file"), "key": Held("key", said.get("key"), "file")},
        )
        if "clientsecret" in said:
            draft.leave("clientsecret", "", "the certificate takes its place", matters=False)
        return
    draft.put(("client_secret",), Held("client_secret", said.get("clientsecret")))
    # XSUAA does not decode what RFC 6749 §2.3.1 has Basic encode, and its secrets hold $ and =; IAS does
    draft.put(("client_auth",), "client_secret_basic" if _is_ias(said) else "client_secret_post")


def _endpoint(draft: Draft, said: Mapping[str, str]) -> None:
    certificate = "certificate" in said or "key" in said
    for word in _ENDPOINTS:
        if word in said:
            draft.token_url(word, said[word])
            return
    base = said.get("certurl") if certificate and "certurl" in said else said.get("url")
    if base is None:
        draft.blocked = "the key has no url"
        return
    draft.token_url("url", base.rstrip("/") + ("/oauth2/token" if _is_ias(said) else "/oauth/token"))
    if "certurl" in said and not certificate:
        draft.leave("certurl", said["certurl"], "of use with a certificate alone", matters=False)


def _is_ias(said: Mapping[str, str]) -> bool:
    host = _host(said.get("url", ""))
    return bool({"app_tid", "osb_url", "authorization_endpoint"} & said.keys()) or host.endswith(
        (".accounts.ondemand.com", ".accounts.cloud.sap")
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
