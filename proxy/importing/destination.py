"""Destinations of SAP BTP to entries: the credential of each, and its route.

Client authentication is always named: there its default is the body, here it is Basic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.importing.destination_keys import AROUND, FAMILIES, KEYS, KINDS, NOT_HTTP, PROTOCOLS, Kind
from proxy.importing.entries import Entry, Held
from proxy.importing.reading import WrongFileError, read
from proxy.importing.rules import Draft, as_template, texts

_LOWER = {key.casefold(): key for key in KEYS}
_LOWER_FAMILIES = {family.casefold(): family for family in FAMILIES}
_SPECIAL = {  # read by the functions below, all at once
    "Name", "Authentication", "URL", "audience", "clientKey", "companyId", "apiKey", "KeyStoreLocation", "TrustStoreLocation",
    "tokenServiceURL", "tokenServiceUser", "tokenServicePassword", "tokenService.addClientCredentialsInBody", "clientId", "clientSecret",
    "tokenService.KeyStoreLocation", "tokenServiceURL.ConnectionTimeoutInSeconds", "tokenServiceURL.SocketReadTimeoutInSeconds",
    "clientAssertion.destinationName",
}  # fmt: skip
_WITHOUT_ENDPOINT = {"", "user_credentials"}
_FOREIGN = "of no use for this type of authentication"


def translate(data: bytes, fallback: str) -> list[Entry]:
    """The entries of an export: one destination or a list, an answer of the Find Destination API, or a properties file.

    Raises:
        WrongFileError: broken, or no such export.
    """
    return [_entry(destination, fallback) for destination in _destinations(read(data, properties=True))]


def _destinations(found: Any) -> list[Mapping[str, Any]]:
    flat = [_inner(item) for item in (found if isinstance(found, list) else [found])]
    if not all(isinstance(item, dict) for item in flat):
        raise WrongFileError("expected destinations of SAP BTP")
    if flat and not any({"Authentication", "URL", "Name"} & item.keys() for item in flat):
        raise WrongFileError("no destination in it: nothing has a Name, a URL or an Authentication")
    return flat


def _inner(item: Any) -> Any:
    """The destination in an answer of the Find Destination API, with what stands around it as keys that are known."""
    inner = item.get("destinationConfiguration") if isinstance(item, dict) else None
    if not isinstance(inner, dict):
        return item
    return {**inner, **{key: value for key, value in item.items() if key in AROUND and key not in inner}}


def _entry(given: Mapping[str, Any], fallback: str) -> Entry:
    draft = Draft("destination", fallback)
    for key in [key for key in AROUND if key in given]:
        draft.leave(key, "", AROUND[key], matters=False)
    said, parameters = _known(draft, texts(draft, {key: value for key, value in given.items() if key not in AROUND}))
    draft.name = said.get("Name", fallback)
    authentication = said.get("Authentication", "NoAuthentication")
    draft.source = authentication if authentication in KINDS else "destination"
    kind = KINDS.get(authentication, Kind(why="this type of authentication is not known", blocked=True))
    if (protocol := said.get("Type", "HTTP")).casefold() != "http":
        draft.source = "destination"
        draft.blocked = f"its Type is {protocol if protocol in PROTOCOLS else 'another'}, and {NOT_HTTP}"
    elif kind.blocked:
        draft.blocked = kind.why
        draft.leave("Authentication", authentication, kind.why, documented=authentication in KINDS)
    for key, value in said.items():
        if not _belongs(KEYS[key].ours, kind):
            draft.leave(key, value, _FOREIGN, documented=not KEYS[key].held, matters=False)
        elif key not in _SPECIAL:
            draft.apply(key, value, KEYS[key])
    for key, value in parameters.items():
        _parameter(draft, key, value, kind)
    if kind.ours:
        draft.material["type"] = kind.ours
    _Making(draft, said, kind).all()
    needs = bool(kind.ours) or kind.blocked
    return draft.entry(material=needs)


def _known(draft: Draft, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The documented keys in their usual spelling, and those of families; all others stay behind."""
    said: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for key, value in given.items():
        usual = _LOWER.get(key.casefold())
        if usual is not None and usual not in said:
            said[usual] = value
        elif usual is None and _family(key):
            parameters[key] = value
        else:
            why = "said twice" if usual else "no key of a destination is documented by that name"
            draft.leave(key, value, why, documented=usual is not None)
    return said, parameters


def _family(key: str) -> str:
    """The family that a key is of, "" for none."""
    return next((family for lower, family in _LOWER_FAMILIES.items() if key.casefold().startswith(lower) and len(key) > len(family)), "")


def _belongs(ours: str, kind: Kind) -> bool:
    """Whether a credential of this kind has a place for what is `ours`."""
    match ours.partition(".")[0]:
        case "" | "-" | "alias" | "description" | "type" | "route":
            return True
        case "username" | "password":
            return kind.ours in {"user_credentials", "oauth2_password"}
        case "assertion":
            return kind.ours == "oauth2_saml_bearer"
        case _:
            return kind.ours not in _WITHOUT_ENDPOINT


def _parameter(draft: Draft, key: str, value: str, kind: Kind) -> None:
    family = _family(key)
    name, where = key[len(family) :], FAMILIES[family].where
    if not _belongs(FAMILIES[family].rule.ours, kind):
        draft.leave(key, value, _FOREIGN, documented=False, matters=False)
    elif where in {"inject.headers", "inject.query"}:
        draft.injected(where.removeprefix("inject."), name, value)
    elif where == "body" and name == "grant_type":
        draft.put(("grant_type",), value)
    else:
        draft.param(name, value, where)


class _Making:
    """The parts of a destination that several keys say together."""

    def __init__(self, draft: Draft, said: Mapping[str, str], kind: Kind) -> None:
        self._draft = draft
        self._said = said
        self._kind = kind

    def all(self) -> None:
        """Everything, in the order in which a reader expects it."""
        self._endpoint()
        self._assertion()
        self._certificates()
        self._route()
        if self._kind.why and self._kind.ours:
            self._draft.notes.append(f"{self._draft.source}: {self._kind.why}")

    def _endpoint(self) -> None:
        draft, said = self._draft, self._said
        if self._kind.ours == "user_credentials":
            draft.material.setdefault("password", Held("password"))
            draft.blocked = draft.blocked or ("" if "User" in said else "the export has no User")
        if self._kind.ours in _WITHOUT_ENDPOINT:
            return
        if self._kind.ours == "oauth2_password":
            draft.material.setdefault("password", Held("password"))
        if self._kind.ours == "oauth2_refresh_token":
            draft.put(("refresh_token",), Held("refresh_token"))
        if "tokenServiceURL" in said:
            self._token_url(said["tokenServiceURL"])
        self._client()
        self._timeout()
        missing = [key for key in ("tokenServiceURL",) if key not in said]
        missing += [] if "client_id" in draft.material else ["clientKey" if self._kind.ours == "oauth2_saml_bearer" else "clientId"]
        if missing and not draft.blocked:
            draft.blocked = f"the export has no {' and no '.join(missing)}"

    def _token_url(self, url: str) -> None:
        draft = self._draft
        common = self._said.get("tokenServiceURLType", "").casefold() == "common"
        if common and "{tenant}" not in url:
            url = url.replace("://", "://{tenant}.", 1)
        draft.token_url("tokenServiceURL", url)
        if "{tenant}" in draft.material.get("token_url", ""):
            reference = draft.secret_value("tenant", None)
            draft.material["token_url"] = reference.join(draft.material["token_url"].split("{tenant}"))
            draft.notes.append("`values.tenant` is the subdomain of the subaccount; Common URLs hold for each")

    def _client(self) -> None:
        """Id, secret and how they are sent."""
        draft, said = self._draft, self._said
        client_id = said.get("clientId", said.get("clientKey"))
        secret = said.get("clientSecret")
        user, password = said.get("tokenServiceUser"), said.get("tokenServicePassword")
        posted = said.get("tokenService.addClientCredentialsInBody", "true").casefold() != "false"
        if "clientId" in said and "clientKey" in said and said["clientId"] != said["clientKey"]:
            draft.leave("clientKey", said["clientKey"], "clientId is another, and is the one that is sent")
        if client_id:
            draft.put(("client_id",), client_id)
        if "tokenService.KeyStoreLocation" in said:
            self._client_certificate(said["tokenService.KeyStoreLocation"])
        elif "clientAssertion.destinationName" in said:
            draft.put(("client_auth",), "private_key_jwt")
            draft.put(("client_assertion",), Held("client_assertion"))
            draft.leave(
                "clientAssertion.destinationName",
                said["clientAssertion.destinationName"],
                "client_assertion is a file or variable that something else keeps fresh",
            )
        elif user:
            self._basic(client_id, secret, user, password)
        elif self._kind.ours == "oauth2_saml_bearer" and secret is None:
            draft.put(("client_auth",), "none")
        else:
            draft.put(("client_secret",), Held("client_secret", secret))
            draft.put(("client_auth",), "client_secret_post" if posted else "client_secret_basic")

    def _client_certificate(self, store: str) -> None:
        draft = self._draft
        draft.put(("client_auth",), "tls_client_auth")
        draft.put(("token_request", "tls"), {"cert": Held("token_certificate", form="file"), "key": Held("token_key", form="file")})
        draft.leave(
            "tokenService.KeyStoreLocation", store, "the key store is not in the export; make the two files of it, as docs/import.md shows"
        )
        if "clientSecret" in self._said:
            draft.leave("clientSecret", "", "the certificate takes its place", matters=False)

    def _basic(self, client_id: str | None, secret: str | None, user: str, password: str | None) -> None:
        """RFC 6749 §2.3: one method in a request; what stood in the body beside Basic is a parameter like others."""
        draft = self._draft
        draft.put(("client_id",), user)
        draft.put(("client_secret",), Held("client_secret", password))
        draft.put(("client_auth",), "client_secret_basic")
        if client_id and client_id != user:
            draft.param("client_id", client_id, "body")
        if secret and secret != password:
            draft.leave(
                "clientSecret", "", "tokenServiceUser and tokenServicePassword prove the client; two proofs in one request are not sent"
            )

    def _timeout(self) -> None:
        keys = [key for key in KEYS if key.endswith("InSeconds") and key in self._said]
        seconds = [int(self._said[key]) if self._said[key].isascii() and self._said[key].isdigit() else 0 for key in keys]
        if keys and all(0 < number <= 600 for number in seconds):  # noqa: PLR2004  # the largest that is documented
            self._draft.put(("token_request", "timeout"), f"{sum(seconds)}s")
            return
        for key in keys:
            self._draft.leave(key, self._said[key], "not a number of seconds from 1 to 600; ours is 10 s")

    def _assertion(self) -> None:
        draft, said = self._draft, self._said
        saml = self._kind.ours == "oauth2_saml_bearer"
        if "audience" in said and self._kind.ours not in _WITHOUT_ENDPOINT:
            draft.put(("assertion", "audience") if saml else ("audience",), as_template(said["audience"]) if saml else said["audience"])
        if saml and "companyId" in said:
            draft.param("company_id", said["companyId"], "body")
            draft.put(("assertion", "encoding"), "base64")  # SuccessFactors' documentation, against RFC 7522 §2.1
        if saml and "apiKey" in said:
            draft.put(("assertion", "attributes"), {"api_key": draft.secret_value("api_key", said["apiKey"])})
        elif saml and "companyId" in said:
            draft.put(("assertion", "attributes"), {"api_key": "${client_id}"})
        if self._kind.ours == "oauth2_jwt_bearer":
            draft.put(("assertion",), {"header": "X-User-Token"})
        if self._kind.ours == "oauth2_token_exchange":
            draft.put(("subject_token",), {"header": "X-Subject-Token"})
        if saml and "SystemUser" not in said:
            draft.leave("(the user)", "", "there it is the user of each call; here assertion.subject says one, client_id is it otherwise")
        if saml:
            draft.put(("private_key",), Held("private_key"))
            draft.put(("certificate",), Held("certificate"))
            store = said.get("KeyStoreLocation", "")
            draft.leave(
                "KeyStoreLocation",
                store,
                "what signs there is not in the export: the key store, or the subaccount's trust; give a key of your own",
            )

    def _certificates(self) -> None:
        draft, said = self._draft, self._said
        if "TrustStoreLocation" in said:
            draft.put(("route", "tls", "ca"), Held("ca", form="file"))
            draft.leave("TrustStoreLocation", said["TrustStoreLocation"], "not in the export; put its certificates into that file, as PEM")
        if self._kind.ours == "oauth2_saml_bearer":
            return
        if draft.source == "ClientCertificateAuthentication":
            draft.put(("route", "tls", "cert"), Held("certificate", form="file"))
            draft.put(("route", "tls", "key"), Held("key", form="file"))
            draft.leave(
                "KeyStoreLocation", said.get("KeyStoreLocation", ""), "the key store is not in the export; make the two files of it"
            )
        elif "KeyStoreLocation" in said:
            draft.leave("KeyStoreLocation", said["KeyStoreLocation"], _FOREIGN, matters=False)

    def _route(self) -> None:
        draft = self._draft
        if draft.source == "OAuth2TechnicalUserPropagation":
            draft.put(("token_placement",), {"header": "SAP-Connectivity-Technical-Authentication", "prefix": "Bearer "})
        if "URL" in self._said:
            draft.upstream("URL", self._said["URL"])
        elif not self._kind.ours:
            draft.blocked = draft.blocked or "the export has no URL"
