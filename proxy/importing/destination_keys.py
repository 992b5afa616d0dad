"""The keys of a destination of SAP BTP, and what becomes of each; the types of authentication.

A table of data: docs/import.md has a row for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from proxy.importing.rules import SAME, Rule, as_template, as_true, as_words, idle


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of authentication: the type here ("" where a route alone says it), or why there is none."""

    ours: str = ""
    why: str = ""
    blocked: bool = False


_NO_CONNECTOR = "the Cloud Connector's tunnel is not spoken here; run bearerd where the system can be reached"
PROTOCOLS = ("HTTP", "RFC", "LDAP", "MAIL", "TCP")
NOT_HTTP = "a proxy for HTTP forwards no other protocol"
_CALLERS = "whose token it is, is checked on the way in, before a token is asked for"
_ASSERTED = "an assertion's attributes are said by assertion.attributes, one by one"

KINDS: Mapping[str, Kind] = {
    "NoAuthentication": Kind(why="`credential: none` in its route"),
    "BasicAuthentication": Kind("user_credentials"),
    "ClientCertificateAuthentication": Kind(why="`credential: none` and `tls` in its route"),
    "OAuth2ClientCredentials": Kind("oauth2_client_credentials"),
    "OAuth2MtlsClientCredentials": Kind("oauth2_client_credentials", "as OAuth2ClientCredentials with a client certificate"),
    "OAuth2TechnicalUserPropagation": Kind("oauth2_client_credentials", "the token goes into SAP-Connectivity-Technical-Authentication"),
    "OAuth2Password": Kind("oauth2_password"),
    "OAuth2RefreshToken": Kind("oauth2_refresh_token", "there a caller brings the refresh token, here the credential keeps one"),
    "OAuth2SAMLBearerAssertion": Kind("oauth2_saml_bearer"),
    "OAuth2JWTBearer": Kind("oauth2_jwt_bearer", "callers bring the user's token in X-User-Token, as to the Destination service"),
    "OAuth2UserTokenExchange": Kind("oauth2_jwt_bearer", "as OAuth2JWTBearer, which SAP itself advises in its place"),
    "OAuth2TokenExchange": Kind(
        "oauth2_token_exchange", "callers bring the user's token in X-Subject-Token, as to the Destination service"
    ),
    "OAuth2AuthorizationCode": Kind(
        "oauth2_refresh_token",
        "a user has to consent, and this release has no authorization code; a refresh token that is at hand would do",
        blocked=True,
    ),
    "PrincipalPropagation": Kind(why=_NO_CONNECTOR, blocked=True),
    "SAMLAssertion": Kind(why="an assertion as the token itself is not made here; oauth2_saml_bearer trades one for a token", blocked=True),
    "SAPAssertionSSO": Kind(why="SAP assertion tickets are not made here", blocked=True),
    "AppToAppSSO": Kind(why="a user's session of the Neo environment is needed", blocked=True),
}


def _internet(value: str) -> object:
    match value.casefold():
        case "internet":
            return SAME
        case "privatelink":
            raise ValueError("a private endpoint; bearerd has to stand in the network that has it")
    raise ValueError(_NO_CONNECTOR)


def _http(value: str) -> object:
    if value.casefold() != "http":
        raise ValueError(NOT_HTTP)
    return SAME


def _url_type(value: str) -> object:
    if value.casefold() not in {"dedicated", "common"}:
        raise ValueError("neither Dedicated nor Common")
    return SAME


def _only(word: str, why: str) -> Rule:
    """A key that says what is done here anyway when its value is `word`."""

    def convert(value: str) -> object:
        if value.casefold() != word:
            raise ValueError(why)
        return SAME

    return Rule("-", f"`{word}` is how it is here; else: {why}", convert)


def _milliseconds(value: str) -> object:
    number = int(value) if value.strip().isascii() and value.strip().isdigit() else 0
    if not 0 < number < 10**12:
        raise ValueError("not a number of milliseconds over 0")
    return f"{number}ms" if number % 1000 else f"{number // 1000}s"


def _forwarded(value: str) -> object:
    return "x-forwarded" if as_true(value) else SAME


def _keep_host(value: str) -> object:
    return as_true(value) or SAME


KEYS: Mapping[str, Rule] = {
    "Name": Rule("alias", "also the route's `name` and `prefix`"),
    "Type": Rule("-", "HTTP alone", _http),
    "Description": Rule("description"),
    "Authentication": Rule("type", "see above"),
    "URL": Rule("route.upstream", "a query goes to `inject.query`"),
    "ProxyType": Rule("-", "Internet alone", _internet),
    "CloudConnectorLocationId": Rule(why=_NO_CONNECTOR),
    "User": Rule("username"),
    "Password": Rule("password", held="secret"),
    "Preemptive": _only("true", "the header is sent at once, never after a challenge alone"),
    "clientId": Rule("client_id"),
    "clientSecret": Rule("client_secret", held="secret"),
    "clientKey": Rule("client_id"),
    "tokenServiceURL": Rule("token_url"),
    "tokenServiceURLType": Rule("-", "of `Common`, `{tenant}` is `${values.tenant}`", _url_type),
    "tokenServiceURL.ProxyType": Rule("-", "Internet alone", _internet),
    "tokenServiceURL.ConnectionTimeoutInSeconds": Rule("token_request.timeout", "the sum of the two"),
    "tokenServiceURL.SocketReadTimeoutInSeconds": Rule("token_request.timeout", "the sum of the two"),
    "tokenServiceUser": Rule("client_id", "with client_secret_basic"),
    "tokenServicePassword": Rule("client_secret", "with client_secret_basic", held="secret"),
    "tokenService.addClientCredentialsInBody": Rule(
        "client_auth", "true, as by default, is client_secret_post; false is client_secret_basic"
    ),
    "tokenService.KeyStoreLocation": Rule("token_request.tls", "with client_auth tls_client_auth; the files are made of the key store"),
    "tokenService.KeyStorePassword": idle("of use while the files are made of the key store"),
    "scope": Rule("scope", convert=as_words),
    "audience": Rule("audience", "of a SAML assertion: assertion.audience"),
    "authnContextClassRef": _only(
        "urn:oasis:names:tc:saml:2.0:ac:classes:passwordprotectedtransport", "PasswordProtectedTransport is what an assertion says"
    ),
    "nameIdFormat": Rule("assertion.name_id_format"),
    "nameQualifier": Rule(why="a NameID is written without a qualifier"),
    "userIdSource": Rule(why="the assertion's subject is said by assertion.subject"),
    "SystemUser": Rule("assertion.subject", convert=as_template),
    "companyId": Rule(
        "assertion.attributes",
        "company_id in token_request.params, api_key in the assertion, assertion.encoding base64: as SuccessFactors takes them",
    ),
    "apiKey": Rule("assertion.attributes.api_key", "as a value that is kept secret"),
    "assertionIssuer": Rule("assertion.issuer", convert=as_template),
    "assertionRecipient": Rule("assertion.recipient", convert=as_template),
    "SAMLAssertionProvider": _only("destinationservicegenerated", "an assertion that a caller brings is not passed on"),
    "skipUserAttributesPrefixInSAMLAttributes": Rule(why=_ASSERTED),
    "skipUserUuidInSAMLAttributes": Rule(why=_ASSERTED),
    "includeSigningCertificateInSAMLAssertion": _only("true", "the certificate always stands in the signature"),
    "clientAssertion.destinationName": Rule("client_assertion", "with client_auth private_key_jwt; the other destination fetched it"),
    "clientAssertion.type": Rule(why="jwt-bearer is what a client_assertion is sent as"),
    "x_user_token.jwks": idle(_CALLERS),
    "x_user_token.jwks_uri": idle(_CALLERS),
    "x_user_token.header.typ": idle(_CALLERS),
    "KeyStoreLocation": Rule("route.tls", "of a SAML assertion: private_key and certificate; the files are made of the key store"),
    "KeyStorePassword": idle("of use while the files are made of the key store"),
    "KeyStore.Source": Rule(why="a key store is never fetched; the files are made of it once"),
    "TrustStoreLocation": Rule("route.tls.ca", "the PEM file of the same certificates"),
    "TrustStorePassword": idle("a PEM file of certificates has no password"),
    "TrustAll": _only("false", "a server's certificate is always verified; say the CA that signed it: tls.ca"),
    "HostnameVerifier": _only("strict", "a certificate's names are always verified strictly"),
    "TLSVersion": _only("tlsv1.2", "the newest version that both sides speak is used, never below TLS 1.2"),
    "sap-client": Rule("route.inject.headers.sap-client"),
    "sap-language": Rule("route.inject.headers.sap-language"),
    "HTML5.Timeout": Rule("route.timeout.response", convert=_milliseconds),
    "HTML5.PreserveHostHeader": Rule("route.preserve_host", convert=_keep_host),
    "HTML5.SetXForwardedHeaders": Rule("route.forwarded", "true is x-forwarded", _forwarded),
    "HTML5.ForwardAuthToken": _only("false", "a caller's token is never passed on to an upstream"),
    "HTML5.IASDependencyName": Rule(why="no token of a caller is exchanged for its sake"),
    "HTML5.DynamicDestination": idle("routes are always chosen by prefix"),
    "WebIDEEnabled": idle("for a development environment"),
    "WebIDEUsage": idle("for a development environment"),
    "WebIDESystem": idle("for a development environment"),
    "WebIDEAdditionalData": idle("for a development environment"),
    "sap-platform": idle("for a development environment"),
    "product.name": idle("for a development environment"),
    "sap.cloud.service": idle("which HTML5 application it belongs to"),
    "skipSSOTokenGenerationWhenNoUser": Rule(why="a token is always put in; `credential: none` is another route"),
    "HandleRedirects": _only("false", "redirects are never followed"),
}


@dataclass(frozen=True, slots=True)
class Family:
    """Keys that begin alike: the row of them all, and where the rest of the key names something."""

    rule: Rule
    where: Literal["inject.headers", "inject.query", "header", "query", "body"]


FAMILIES: Mapping[str, Family] = {
    "URL.headers.": Family(Rule("route.inject.headers"), "inject.headers"),
    "URL.queries.": Family(Rule("route.inject.query"), "inject.query"),
    "tokenServiceURL.headers.": Family(Rule("token_request.params", "with `in: header`"), "header"),
    "tokenServiceURL.queries.": Family(Rule("token_request.params", "with `in: query`"), "query"),
    "tokenService.headers.": Family(Rule("token_request.params", "with `in: header`"), "header"),
    "tokenService.queries.": Family(Rule("token_request.params", "with `in: query`"), "query"),
    "tokenService.body.": Family(Rule("token_request.params", "in the body; `grant_type` is grant_type"), "body"),
}
AROUND: Mapping[str, str] = {  # beside destinationConfiguration in an answer of the Find Destination API
    "owner": "the account that it belongs to",
    "authTokens": "tokens of that moment; a token is asked for here when a call needs one",
    "certificates": "key stores, with their private keys; make files of them, as docs/import.md shows",
}
