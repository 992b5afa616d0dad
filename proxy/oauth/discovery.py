"""The token endpoint that an issuer publishes (RFC 8414, OpenID Connect Discovery §4): where to ask, and what of the answer is believed.

Pure; what names another issuer, or leads from https to http, is refused before a secret is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy import errors
from proxy.oauth.answer import decoded
from proxy.oauth.client_auth import BY_CERTIFICATE
from proxy.oauth.exchange import Metadata, TokenRequest
from proxy.oauth.expiry import retry_after
from proxy.oauth.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Generator

    from proxy.oauth.exchange import TokenResponse
    from proxy.oauth.options import EndpointOptions

_OPENID, _OAUTH = ".well-known/openid-configuration", ".well-known/oauth-authorization-server"
_LONGEST = 200  # characters of an issuer that are shown


def places(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may stand, in the order in which they are asked.

    OpenID's place first, since nearly every server has it; RFC 8414's sets its word between host and path (§3.1).
    """
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return tuple(dict.fromkeys((f"{origin}{path}/{_OPENID}", f"{origin}/{_OAUTH}{path}", f"{origin}/{_OPENID}{path}")))


def discover(issuer: str, alias: str, epoch: float = 0.0) -> Generator[TokenRequest, TokenResponse, Metadata]:
    """What the authorization server says of itself; the next place is asked only where there is no metadata.

    `epoch` is now in epoch seconds, for a Retry-After that is a date.

    Raises:
        TokenIssuerMismatchError: the metadata is another issuer's.
        TokenError: no place has metadata, or it is unusable.
    """
    refused: list[errors.TokenError] = []
    for place in places(issuer):
        response = yield TokenRequest(place, b"", {"Accept": "application/json"}, "GET", path=urlsplit(place).path)
        said = decoded(response)
        if response.status == HTTPStatus.OK and isinstance(said, Mapping):
            return _believed(said, issuer, alias)
        refused.append(_no_metadata(response, alias, place, epoch))
    passing = (error for error in refused if isinstance(error, errors.TokenServerError | errors.TokenRateLimitedError))
    raise next(passing, refused[0])


def token_url(grant: EndpointOptions, metadata: Metadata) -> str:
    """Where this credential asks for tokens: a client with a certificate goes where one is asked for (RFC 8705 §5)."""
    presents = grant.client_auth in BY_CERTIFICATE or grant.token_request.tls.cert is not None
    return (metadata.mtls_token_endpoint if presents else None) or metadata.token_endpoint


def refuse_method(grant: EndpointOptions, metadata: Metadata, alias: str) -> errors.TokenError | None:
    """Why this client_auth is not tried, so that a server that does not take it never sees the secret; None: it may be.

    `none` sends nothing that is secret, and an assertion may need no client (RFC 7521 §4.1); the server decides on it.
    """
    supported = metadata.auth_methods
    if supported is None or grant.client_auth in {"none", *supported}:
        return None
    listed = quoted(", ".join(supported), ()) or "none at all"
    told = f"the server's metadata does not list {grant.client_auth}; it lists {listed}; the secret was not sent"
    return errors.TokenInvalidClientError(told, alias=alias, field="client_auth")


def _no_metadata(response: TokenResponse, alias: str, place: str, epoch: float) -> errors.TokenError:
    status, kind = response.status, quoted(response.headers.get("content-type", "").partition(";")[0].strip(), ())
    said = f"the issuer's metadata was asked for, and the answer was {status} {kind}".rstrip()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(response.headers.get("retry-after", ""), epoch)
        return errors.TokenRateLimitedError(said, alias=alias, retry_after=wait, log_detail=place)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.TokenServerError(said, alias=alias, log_detail=place)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return errors.TokenRedirectError(f"{said}, and redirects are not followed", alias=alias, field="issuer", log_detail=place)
    if status == HTTPStatus.OK:
        return errors.TokenNotJSONError(f"{said}, not a JSON object", alias=alias, field="issuer", log_detail=place)
    return errors.TokenEndpointNotFoundError(said, alias=alias, field="issuer", log_detail=place)


def _believed(said: Mapping[str, object], issuer: str, alias: str) -> Metadata:
    named = said.get("issuer")
    if named != issuer:  # RFC 8414 §3.3: identical, so that nobody answers in another's name
        raise _mismatch(named, issuer, alias)
    aliases = said.get("mtls_endpoint_aliases")
    mtls = aliases.get("token_endpoint") if isinstance(aliases, Mapping) else None
    return Metadata(
        issuer=issuer,
        token_endpoint=_endpoint(said.get("token_endpoint"), issuer, alias),
        auth_methods=_texts(said.get("token_endpoint_auth_methods_supported")),
        mtls_token_endpoint=None if mtls is None else _endpoint(mtls, issuer, alias),
    )


def _mismatch(named: object, issuer: str, alias: str) -> errors.TokenError:
    """Hosts are for operators alone; that nothing but a slash differs may be told to anybody."""
    if not isinstance(named, str) or not named:
        told = "the metadata names no issuer"
        return errors.TokenIssuerMismatchError(told, alias=alias, log_detail=f"the configured one is {_shown(issuer)}")
    both = f"write issuer: {_shown(named)} instead of {_shown(issuer)}"
    if named.rstrip("/") == issuer.rstrip("/"):
        has, lacks = ("the metadata's", "the configured one") if named.endswith("/") else ("the configured one", "the metadata's")
        told = f"the issuers differ in a slash at the end: {has} has it, {lacks} does not"
        return errors.TokenIssuerMismatchError(told, alias=alias, log_detail=both)
    known = urlsplit(named).netloc == urlsplit(issuer).netloc
    beware = "" if known else ", if that server is the one you mean"
    return errors.TokenIssuerMismatchError("the metadata names another issuer", alias=alias, log_detail=both + beware)


def _endpoint(value: object, issuer: str, alias: str) -> str:
    """An endpoint of the metadata; one with a fragment is none (RFC 6749 §3.2)."""

    def unusable(why: str) -> errors.TokenError:
        return errors.TokenResponseInvalidError(f"the issuer's metadata {why}", alias=alias, field="issuer")

    if not isinstance(value, str) or not value:
        raise unusable("names no token_endpoint")
    scheme, host = _scheme_and_host(value)
    if not host or scheme not in {"https", "http"}:
        raise unusable("names a token_endpoint that is no plain URL")
    if scheme == "http" and urlsplit(issuer).scheme == "https":
        raise unusable("names a token_endpoint without TLS, though the issuer has it")
    return value


def _scheme_and_host(url: str) -> tuple[str, str]:
    """Both empty for what is no plain URL."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "", ""
    plain = url.isascii() and url.isprintable() and " " not in url and parts.username is None and "#" not in url
    return (parts.scheme, host) if plain else ("", "")


def _texts(value: object) -> tuple[str, ...] | None:
    """A member that is a list of texts; None: the server does not say."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else None


def _shown(url: str) -> str:
    shown = "".join(character if " " < character <= "~" else "?" for character in url)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."
