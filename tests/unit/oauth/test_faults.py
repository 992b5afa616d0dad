"""proxy/oauth/faults.py: aiohttp's exceptions, each as one TokenError (what a real server causes is in test_endpoint.py)."""

from __future__ import annotations

import ssl

import aiohttp
import pytest
from aiohttp import RequestInfo
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from proxy import errors
from proxy.oauth.faults import AddressRefusedError, translated

PLACE = ConnectionKey("login.test", 443, True, True, None, None, None)  # host, port, is_ssl, ssl and no proxy


def certificate_error(code: int, message: str) -> aiohttp.ClientConnectorCertificateError:
    cause = ssl.SSLCertVerificationError(message)
    cause.verify_code, cause.verify_message = code, message
    return aiohttp.ClientConnectorCertificateError(PLACE, cause)


@pytest.mark.parametrize(
    ("exc", "kind", "key"),
    [
        (TimeoutError(), errors.TokenTimeoutError, "credentials.crm.token_request.timeout"),
        (aiohttp.ClientConnectorDNSError(PLACE, OSError("no name")), errors.TokenDNSError, "credentials.crm.token_url"),
        (aiohttp.ClientConnectorDNSError(PLACE, AddressRefusedError("x")), errors.TokenAddressRefusedError, "credentials.crm.token_url"),
        (aiohttp.ClientConnectorError(PLACE, ConnectionRefusedError()), errors.TokenUnreachableError, "credentials.crm.token_url"),
        (aiohttp.ClientConnectorError(PLACE, OSError(113, "no route")), errors.TokenUnreachableError, "credentials.crm.token_url"),
        (aiohttp.ClientOSError(104, "reset by peer"), errors.TokenUnreachableError, "credentials.crm.token_url"),
        (aiohttp.ServerDisconnectedError(), errors.TokenUnreachableError, "credentials.crm.token_url"),
        (aiohttp.ClientPayloadError("cut"), errors.TokenUnreachableError, "credentials.crm.token_url"),
        (aiohttp.InvalidURL("http://0x7f/"), errors.TokenAddressRefusedError, "credentials.crm.token_url"),
        (certificate_error(20, "unable to get local issuer certificate"), errors.TokenTLSError, "egress.ca"),
        (certificate_error(18, "self-signed certificate"), errors.TokenTLSError, "egress.ca"),
        (certificate_error(62, "Hostname mismatch, 'login.test'"), errors.TokenTLSError, "credentials.crm.token_url"),
        (certificate_error(10, "certificate has expired"), errors.TokenTLSError, None),
        (aiohttp.ClientConnectorSSLError(PLACE, ssl.SSLError("wrong version")), errors.TokenTLSError, "credentials.crm.token_url"),
        (certificate_error(9, "certificate is not yet valid"), errors.TokenTLSError, None),
        (certificate_error(26, "unsuitable certificate purpose"), errors.TokenTLSError, None),
        (ValueError("odd"), errors.TokenUnreachableError, "credentials.crm.token_url"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_translation(exc: Exception, kind: type[errors.TokenError], key: str | None) -> None:
    """Each fault has its class and the key that repairs it; no host is among the facts."""
    error = translated(exc, alias="crm", proxy=None, timeout=10)
    assert type(error) is kind
    assert error.key == key
    assert "login.test" not in error.detail
    assert type(exc).__name__ in error.log_detail


@pytest.mark.parametrize(("certified", "key"), [(True, "credentials.crm.token_request.tls.cert"), (False, "credentials.crm.token_url")])
def test_a_connection_that_ends_without_an_answer(certified: bool, key: str) -> None:  # noqa: FBT001  # a table's cell
    """Of a client with a certificate, that is what has probably been refused."""
    exc = aiohttp.ServerDisconnectedError()
    assert translated(exc, alias="crm", proxy=None, timeout=10, certified=certified).key == key


def alert(reason: str) -> ssl.SSLError:
    cause = ssl.SSLError(1, reason)
    cause.reason = reason
    return cause


def late(reason: str) -> aiohttp.ClientOSError:
    """What TLS 1.3 says of a client's certificate once the handshake is over."""
    exc = aiohttp.ClientOSError(1, reason)
    exc.__cause__ = alert(reason)
    return exc


@pytest.mark.parametrize(
    ("exc", "field", "told"),
    [
        (late("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "token_request.tls.cert", "asks for a client certificate"),
        (late("TLSV1_ALERT_UNKNOWN_CA"), "token_request.tls.cert", "refuses the client certificate"),
        (
            aiohttp.ClientConnectorSSLError(PLACE, alert("TLSV1_ALERT_UNKNOWN_CA")),
            "token_request.tls.cert",
            "refuses the client certificate",
        ),
        (aiohttp.ClientConnectorSSLError(PLACE, alert("WRONG_VERSION_NUMBER")), "token_url", "does not speak TLS"),
        (
            aiohttp.ClientConnectorSSLError(PLACE, alert("SSLV3_ALERT_HANDSHAKE_FAILURE")),
            "token_request.tls.cert",
            "wants a client certificate",
        ),
        (aiohttp.ClientConnectorSSLError(PLACE, alert("NO_CIPHERS_AVAILABLE")), "token_url", "the TLS handshake failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_handshake_by_its_reason(exc: Exception, field: str, told: str) -> None:
    """What the server's alert says of our certificate is no matter of its own."""
    error = translated(exc, alias="crm", proxy=None, timeout=10)
    assert (type(error), error.key) == (errors.TokenTLSError, f"credentials.crm.{field}")
    assert told in error.facts


@pytest.mark.parametrize(
    "exc",
    [
        aiohttp.ClientResponseError(
            RequestInfo(
                URL("https://login.test/token?code=FunctionKey"), "POST", CIMultiDictProxy(CIMultiDict()), URL("https://login.test/")
            ),
            (),
            status=400,
            message="Bad status line\n\n  b'token=FunctionKey'",
        ),
        aiohttp.InvalidURL("https://login.test/token?code=FunctionKey"),
        aiohttp.NonHttpUrlClientError("ftp://login.test/token?code=FunctionKey"),
        aiohttp.ClientOSError(None, "Can not write request body for https://login.test/token?code=FunctionKey"),
        aiohttp.ConnectionTimeoutError("Connection timeout to host https://login.test/token?code=FunctionKey"),
        ValueError("no URL: https://login.test/token?code=FunctionKey"),
    ],
    ids=["response", "url", "scheme", "body", "timeout", "other"],
)
def test_a_query_never_reaches_the_log(exc: Exception) -> None:
    """A token endpoint's query may hold a key; aiohttp says the whole URL."""
    assert "FunctionKey" not in translated(exc, alias="crm", proxy=None, timeout=10).log_detail


@pytest.mark.parametrize(
    "exc",
    [aiohttp.ClientConnectorDNSError(PLACE, OSError("no name")), aiohttp.ClientConnectorError(PLACE, ConnectionRefusedError())],
    ids=["name", "connection"],
)
def test_behind_a_proxy(exc: Exception) -> None:
    """Where calls go through an egress proxy, what cannot be reached is the proxy."""
    error = translated(exc, alias="crm", proxy="credentials.crm.token_request.proxy", timeout=10)
    assert type(error) is errors.TokenEgressError
    assert error.key == "credentials.crm.token_request.proxy"


def test_timeout_says_its_seconds() -> None:
    """The limit that was spent is among the facts."""
    assert "no answer within 2.5 s" in translated(TimeoutError(), alias="crm", proxy=None, timeout=2.5).facts


def test_a_request_that_is_not_taken() -> None:
    """A server that closes before it has read the request is likely to want a certificate; aiohttp forgets its alert."""
    exc = aiohttp.ClientOSError(None, "Can not write request body for https://login.test/token")
    exc.__cause__ = aiohttp.ClientConnectionResetError("Cannot write to closing transport")
    error = translated(exc, alias="crm", proxy=None, timeout=10)
    assert type(error) is errors.TokenUnreachableError
    assert "wants a client certificate" in error.facts
    assert "login.test" not in error.detail + error.log_detail
