"""What went wrong on the way to the token endpoint: aiohttp's exceptions as TokenErrors, translated once.

Facts name no host and no address; those go to `log_detail`.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from proxy import errors

if TYPE_CHECKING:
    from proxy.oauth.exchange import TokenRequest

_UNKNOWN_CA = {18, 19, 20, 21}  # OpenSSL: self-signed, self-signed in the chain, issuer unknown, leaf's issuer unknown
_TIMES = {9, 10}  # OpenSSL: not yet valid, expired
_OUR_CERTIFICATE = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)


class AddressRefusedError(OSError):
    """Every address of the name is link-local or metadata."""


def translated(exc: Exception, *, alias: str, proxy: str | None, timeout: float, certified: bool = False) -> errors.TokenError:
    """The TokenError that `exc` means; `timeout` in seconds is what the whole exchange was given, `proxy` the key of the egress proxy.

    `certified` says that the client shows a certificate.
    """
    detail = _detail(exc)
    match exc:
        case TimeoutError():
            return errors.TokenTimeoutError(f"no answer within {timeout:g} s", alias=alias, log_detail=detail)
        case aiohttp.ClientHttpProxyError():
            told = f"the egress proxy answered {exc.status}"
            return errors.TokenEgressError(told, alias=alias, key=proxy, log_detail=detail)
        case aiohttp.ClientConnectorCertificateError():
            return _certificate(exc, alias, detail)
        case aiohttp.ClientConnectorError():
            return _unconnected(exc, alias, detail, proxy=proxy)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return errors.TokenAddressRefusedError("the token endpoint's address is not a plain one", alias=alias, log_detail=detail)
        case aiohttp.ClientResponseError():
            return errors.TokenResponseInvalidError("the answer is not valid HTTP", alias=alias, log_detail=detail)
        case aiohttp.ClientOSError() if isinstance(exc.__cause__, ssl.SSLError):  # TLS 1.3 asks for a certificate behind the handshake
            return _handshake(exc.__cause__, alias, detail)
        case aiohttp.ClientOSError() if isinstance(exc.__cause__, aiohttp.ClientConnectionResetError):
            told = "the connection was closed before the request was taken, as by a server that wants a client certificate"
            return errors.TokenUnreachableError(told, alias=alias, log_detail=detail)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | ConnectionResetError():
            return _cut(exc, alias, detail, certified=certified)
        case _:
            return errors.TokenUnreachableError("the token endpoint could not be asked", alias=alias, log_detail=detail)


def place(request: TokenRequest | None) -> str:
    """A request's URL for the log: without userinfo, query and fragment, and without what a template put into its path."""
    if request is None:
        return ""
    try:
        parsed = URL(request.url)
        port = parsed.port
    except ValueError:  # what a template made of an answer or a secret
        return "no URL"
    return f"{parsed.scheme}://{parsed.host}:{port}{request.path}"


def _detail(exc: Exception) -> str:
    """What the log may hold of an exception: the text of the kinds that are known to show no URL, which may hold a key."""
    match exc:
        case aiohttp.ClientResponseError():
            text = exc.message.partition("\n")[0]  # behind it stand bytes of the answer
        case aiohttp.ClientOSError():
            text = str(exc).partition(" for http")[0]  # of a body that could not be written
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            text = str(exc)
        case OSError():
            text = exc.strerror or ""
        case _:
            text = ""
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def _cut(exc: Exception, alias: str, detail: str, *, certified: bool) -> errors.TokenError:
    """Under TLS 1.3 the alert that refuses a client certificate may be lost, and all that is seen is the end."""
    if certified and isinstance(exc, aiohttp.ServerDisconnectedError):
        told = "the connection was closed without an answer, as by a server that refuses the client certificate"
        return errors.TokenUnreachableError(told, alias=alias, field="token_request.tls.cert", log_detail=detail)
    return errors.TokenUnreachableError("the connection was closed before the answer was complete", alias=alias, log_detail=detail)


def _unconnected(exc: aiohttp.ClientConnectorError, alias: str, detail: str, *, proxy: str | None) -> errors.TokenError:
    match exc:
        case aiohttp.ClientSSLError():
            return _handshake(exc.os_error, alias, detail)
        case _ if proxy is not None:
            return errors.TokenEgressError("the egress proxy cannot be reached", alias=alias, key=proxy, log_detail=detail)
        case aiohttp.ClientConnectorDNSError():
            return _unresolved(exc, alias, detail)
        case _:
            return errors.TokenUnreachableError(_reason(exc.os_error), alias=alias, log_detail=detail)


def _handshake(cause: BaseException, alias: str, detail: str) -> errors.TokenError:
    """By OpenSSL's reason; an alert is what the server thinks of us."""
    reason = str(getattr(cause, "reason", None) or "")
    if "CERTIFICATE_REQUIRED" in reason:
        told = "the server asks for a client certificate, and the credential has none"
        return errors.TokenTLSError(told, alias=alias, field="token_request.tls.cert", log_detail=detail)
    if any(word in reason for word in _OUR_CERTIFICATE):
        told = "the server refuses the client certificate"
        return errors.TokenTLSError(told, alias=alias, field="token_request.tls.cert", log_detail=detail)
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return errors.TokenTLSError("what answers there does not speak TLS", alias=alias, log_detail=detail)
    if "HANDSHAKE_FAILURE" in reason:
        told = "the server ended the TLS handshake, as one does that wants a client certificate"
        return errors.TokenTLSError(told, alias=alias, field="token_request.tls.cert", log_detail=detail)
    return errors.TokenTLSError("the TLS handshake failed", alias=alias, log_detail=detail)


def _certificate(exc: aiohttp.ClientConnectorCertificateError, alias: str, detail: str) -> errors.TokenError:
    cause = exc.certificate_error
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return errors.TokenTLSError("the certificate is refused", alias=alias, log_detail=detail)
    if cause.verify_code in _UNKNOWN_CA:
        told = f"the certificate's CA is unknown ({cause.verify_message})"
        return errors.TokenTLSError(told, alias=alias, key="egress.ca", log_detail=detail)
    if cause.verify_code in _TIMES:
        told = f"the certificate is not valid now ({cause.verify_message}): the server needs another, or this host's clock is wrong"
        return errors.TokenTLSError(told, alias=alias, field="", log_detail=detail)
    if "mismatch" in cause.verify_message:  # the message itself holds the host
        told = "the certificate is for another name than token_url has"
        return errors.TokenTLSError(told, alias=alias, log_detail=detail)
    return errors.TokenTLSError(f"the certificate is refused ({cause.verify_message})", alias=alias, field="", log_detail=detail)


def _unresolved(exc: aiohttp.ClientConnectorDNSError, alias: str, detail: str) -> errors.TokenError:
    if isinstance(exc.os_error, AddressRefusedError):
        return errors.TokenAddressRefusedError("a link-local or metadata address", alias=alias, log_detail=detail)
    return errors.TokenDNSError("the token endpoint's name does not resolve", alias=alias, log_detail=detail)


def _reason(cause: OSError) -> str:
    match cause:
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionResetError():
            return "the connection was reset"
        case _:
            return "no connection to the token endpoint"
