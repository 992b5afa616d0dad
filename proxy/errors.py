"""Every answer that bearerd makes itself, as one tree; docs/errors.md has a row for each code.

ProxyError
├── RequestRefusedError            the caller's request is not forwarded         origin proxy
│   ├── RequestMalformedError      400 request_malformed
│   ├── PathRefusedError           400 path_refused
│   ├── HeadTimeoutError           408 request_head_timeout
│   ├── BodyTimeoutError           408 request_body_timeout
│   ├── HeadTooLargeError          431 request_head_too_large
│   ├── RouteNotFoundError         404 route_not_found
│   ├── MethodNotAllowedError      405 method_not_allowed
│   ├── ExpectationFailedError     417 expectation_failed
│   ├── SubjectTokenMissingError   401 subject_token_missing
│   ├── RouteBusyError             503 route_busy
│   ├── DrainingError              503 draining
│   └── InternalError              500 internal_error
├── DeadlineExceededError          504 deadline_exceeded                         origin proxy
├── TokenError                     no usable token, nothing was sent to the API  origin token_endpoint
│   ├── SecretUnavailableError     502 secret_unavailable                        origin config
│   ├── TokenEndpointNotFoundError 502 token_endpoint_not_found
│   ├── TokenRedirectError         502 token_endpoint_redirect
│   ├── TokenTLSError              502 token_tls_error
│   ├── TokenDNSError              502 token_dns_error
│   ├── TokenEgressError           502 token_egress_error
│   ├── TokenAddressRefusedError   502 token_address_refused
│   ├── TokenIssuerMismatchError   502 token_issuer_mismatch
│   ├── TokenRefusedError          502 token_request_refused: a 4xx, or a declared error
│   │   ├── TokenInvalidClientError       502 token_invalid_client
│   │   ├── TokenInvalidScopeError        502 token_invalid_scope
│   │   ├── TokenInvalidGrantError        502 token_invalid_grant
│   │   ├── TokenUnauthorizedClientError  502 token_unauthorized_client
│   │   ├── TokenUnsupportedGrantError    502 token_unsupported_grant_type
│   │   └── TokenScopeNarrowedError       502 token_scope_narrowed
│   └── TokenUnavailableError      503: it may work again by itself
│       ├── TokenUnreachableError         503 token_endpoint_unreachable
│       ├── TokenTimeoutError             503 token_endpoint_timeout
│       ├── TokenServerError              503 token_endpoint_error
│       ├── TokenRateLimitedError         503 token_rate_limited
│       ├── TokenNotJSONError             503 token_response_not_json
│       └── TokenResponseInvalidError     503 token_response_invalid
└── UpstreamError                  the API could not be asked                    origin upstream
    ├── UpstreamDNSError           502 upstream_dns_error
    ├── UpstreamUnreachableError   502 upstream_unreachable
    ├── UpstreamConnectTimeoutError 504 upstream_connect_timeout
    ├── UpstreamTLSError           502 upstream_tls_error
    ├── UpstreamEgressError        502 upstream_egress_error
    ├── UpstreamAddressRefusedError 502 upstream_address_refused
    ├── UpstreamTimeoutError       504 upstream_timeout
    ├── UpstreamClosedError        502 upstream_closed
    ├── UpstreamResponseInvalidError 502 upstream_response_invalid
    └── UpstreamBusyError          503 upstream_busy

A message holds facts that a caller may read: no host, no secret, no token. What only operators may read goes into `log_detail`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

Origin = Literal["config", "proxy", "token_endpoint", "upstream"]
OF_EACH_REQUEST = ("token_url", "token_request", "token_request.content_type", "token_request.params", "token_request.body")
USUAL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # of those that a route without `methods` takes


@dataclass(frozen=True, slots=True)
class Details:
    """What happened and what repairs it, of which log, Proxy-Status and probe take the parts; as text `code; facts; change KEY[; end]`."""

    code: str
    facts: str
    key: str | None = None  # the YAML path that repairs it; None: nothing to change
    end: str = ""

    def __str__(self) -> str:
        change = f"change {self.key}" if self.key else "nothing to change"
        return "; ".join(filter(None, (self.code, self.facts, change, self.end)))


class ProxyError(Exception):
    """An answer of our own.

    Args:
        facts: what happened, in words a caller may read.
        key: the YAML path that repairs it, such as `credentials.crm.token_url`; None: nothing to change.
        alias: the credential's alias, when one is concerned.
        retry_after: seconds until a new try makes sense, rounded up in the header.
        log_detail: more facts, for the log, `check` and `probe` only.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    origin: ClassVar[Origin] = "proxy"
    proxy_error: ClassVar[str] = "proxy_internal_error"  # RFC 9209 §2.3
    title: ClassVar[str] = "bearerd failed"

    def __init__(
        self,
        facts: str = "",
        *,
        key: str | None = None,
        alias: str | None = None,
        retry_after: float | None = None,
        log_detail: str = "",
    ) -> None:
        super().__init__(facts)
        self.facts = facts or self.title.lower()
        self.key = key
        self.alias = alias
        self.retry_after = retry_after
        self.log_detail = log_detail

    @property
    def told(self) -> str:
        """The facts, and what else is known when they are told."""
        return self.facts

    @property
    def details(self) -> Details:
        """Code, facts and key, wherever they are told."""
        return Details(self.code, self.told, self.key)

    @property
    def detail(self) -> str:
        """What the caller is told, by the answer's body and its Proxy-Status."""
        return str(self.details)

    def __str__(self) -> str:
        return self.detail


class RequestRefusedError(ProxyError):
    """The caller's request is not forwarded; nothing of it reached the API."""

    proxy_error = "http_request_error"


class RequestMalformedError(RequestRefusedError):
    """Doubtful framing or grammar (RFC 9112); the connection ends."""

    status, code, title = 400, "request_malformed", "The request is not valid HTTP/1.1"


class PathRefusedError(RequestRefusedError):
    """A dot segment, backslash, fragment or foreign authority in the request target."""

    status, code, title = 400, "path_refused", "The request target is refused"


class HeadTimeoutError(RequestRefusedError):
    """The request head did not arrive within `listeners[].head_timeout`."""

    status, code, title = 408, "request_head_timeout", "The request head took too long"


class BodyTimeoutError(RequestRefusedError):
    """No byte of the request body arrived for `timeout.idle`."""

    status, code, title = 408, "request_body_timeout", "The request body stopped arriving"


class HeadTooLargeError(RequestRefusedError):
    """Over `listeners[].head_limit` or `max_headers`."""

    status, code, title = 431, "request_head_too_large", "The request head is too large"


class RouteNotFoundError(RequestRefusedError):
    """No route takes this host and path; no prefix is listed to callers."""

    status, code, title = 404, "route_not_found", "No route takes this request"
    proxy_error = "destination_not_found"


class MethodNotAllowedError(RequestRefusedError):
    """The route does not take this method; TRACE and CONNECT never pass. `allow` is what it takes (RFC 9110 §15.5.6)."""

    status, code, title = 405, "method_not_allowed", "The route does not take this method"
    proxy_error = "http_request_denied"

    def __init__(self, facts: str = "", *, key: str | None = None, allow: Sequence[str] = USUAL_METHODS) -> None:
        super().__init__(facts, key=key)
        self.allow = tuple(allow)


class ExpectationFailedError(RequestRefusedError):
    """Expect holds something other than 100-continue (RFC 9110 §10.1.1)."""

    status, code, title = 417, "expectation_failed", "The expectation cannot be met"


class SubjectTokenMissingError(RequestRefusedError):
    """The route's token is made of the caller's own, which the request does not bring (RFC 6750 §3)."""

    status, code, title = 401, "subject_token_missing", "The caller's own token is missing"
    proxy_error = "http_request_denied"


class RouteBusyError(RequestRefusedError):
    """`max_concurrency` of the route is in use."""

    status, code, title = 503, "route_busy", "The route is at its limit"
    proxy_error = "connection_limit_reached"


class DrainingError(RequestRefusedError):
    """The proxy is stopping."""

    status, code, title = 503, "draining", "bearerd is stopping"
    proxy_error = "destination_unavailable"


class InternalError(RequestRefusedError):
    """A fault of bearerd itself; the log has the traceback."""

    status, code, title = 500, "internal_error", "bearerd failed"
    proxy_error = "proxy_internal_error"


class DeadlineExceededError(ProxyError):
    """The route's total deadline was spent before a response head could be relayed."""

    status, code, title = 504, "deadline_exceeded", "The total deadline is spent"
    proxy_error = "http_response_timeout"


class TokenError(ProxyError):
    """No usable token; nothing was sent to the API.

    `field` is the credential's key that repairs it, used when no `key` is given; "": no key does.
    """

    status = 502
    origin: ClassVar[Origin] = "token_endpoint"
    proxy_error = "http_protocol_error"
    field: ClassVar[str | None] = "token_url"
    cool_down: ClassVar[bool] = True  # 30 s to 5 min, not the short backoff of what may heal by itself
    skew: float | None = None  # seconds that this host's clock is ahead of the server's; None: no answer said
    seen: str = ""  # of an answer that says nothing itself: its title, its target, its first words; for operators

    def __init__(
        self,
        facts: str = "",
        *,
        alias: str,
        key: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
        log_detail: str = "",
    ) -> None:
        name = self.field if field is None else field
        if key is None and name:
            key = f"credentials.{alias}.{name}"
        super().__init__(facts, key=key, alias=alias, retry_after=retry_after, log_detail=log_detail)

    @property
    def detail(self) -> str:
        """The details, and what only an answer of our own may say: nothing was sent to the API."""
        facts = f"alias '{self.alias}': {self.told}; nothing was sent to the API; check: bearerd probe {self.alias}"
        return str(Details(self.code, facts, self.key))

    def said_under(self, part: str) -> Self:
        """This error of a request that the credential says under `part`, such as `steps[0]`: there stands the key that repairs it."""
        own = f"credentials.{self.alias}."
        if part and self.key in {own + name for name in OF_EACH_REQUEST}:
            self.key = f"{own}{part}.{self.key.removeprefix(own)}"
        return self

    def again(self, retry_after: float) -> Self:
        """The same cause for a later caller, who may try again in `retry_after` seconds."""
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__.update(self.__dict__, retry_after=retry_after)
        return copy


class SecretUnavailableError(TokenError):
    """The secret's variable is unset, or its file is missing, empty or unreadable."""

    code, title = "secret_unavailable", "The secret cannot be read"
    origin = "config"
    proxy_error = "proxy_configuration_error"
    field = "client_secret"


class TokenEndpointNotFoundError(TokenError):
    """404, 405 or 410 from the token endpoint."""

    code, title = "token_endpoint_not_found", "The token endpoint does not exist"
    proxy_error = "destination_not_found"


class TokenRedirectError(TokenError):
    """A 3xx from the token endpoint; redirects are never followed."""

    code, title = "token_endpoint_redirect", "The token endpoint redirects"


class TokenTLSError(TokenError):
    """The TLS handshake with the token endpoint failed."""

    code, title = "token_tls_error", "TLS with the token endpoint failed"
    proxy_error = "tls_certificate_error"
    cool_down = False  # no credential was judged


class TokenDNSError(TokenError):
    """The token endpoint's name does not resolve."""

    code, title = "token_dns_error", "The token endpoint's name does not resolve"
    proxy_error = "dns_error"
    cool_down = False  # no credential was judged


class TokenEgressError(TokenError):
    """The egress proxy refused or failed."""

    code, title = "token_egress_error", "The egress proxy refused the token call"
    proxy_error = "destination_unavailable"
    cool_down = False  # no credential was judged
    field = None


class TokenAddressRefusedError(TokenError):
    """The token endpoint resolves to a link-local or metadata address."""

    code, title = "token_address_refused", "The token endpoint's address is refused"
    proxy_error = "destination_ip_prohibited"


class TokenIssuerMismatchError(TokenError):
    """The metadata that an issuer publishes is another issuer's (RFC 8414 §3.3)."""

    code, title = "token_issuer_mismatch", "The metadata is another issuer's"
    proxy_error = "http_protocol_error"
    field = "issuer"


class TokenRefusedError(TokenError):
    """A 4xx without a known error code, or an unknown error inside a 200 (RFC 6749 §5.2)."""

    code, title = "token_request_refused", "The token endpoint refused the request"
    proxy_error = "http_request_denied"


class TokenInvalidClientError(TokenRefusedError):
    """invalid_client (RFC 6749 §5.2)."""

    code, title = "token_invalid_client", "The token endpoint refused the client"
    field = "client_secret"


class TokenInvalidScopeError(TokenRefusedError):
    """invalid_scope (RFC 6749 §5.2)."""

    code, title = "token_invalid_scope", "The token endpoint refused the scope"
    field = "scope"


class TokenInvalidGrantError(TokenRefusedError):
    """invalid_grant (RFC 6749 §5.2)."""

    code, title = "token_invalid_grant", "The token endpoint refused the grant"
    field = "client_id"


class TokenUnauthorizedClientError(TokenRefusedError):
    """unauthorized_client (RFC 6749 §5.2): the client may not use this grant."""

    code, title = "token_unauthorized_client", "The client may not use this grant"
    field = "client_id"


class TokenUnsupportedGrantError(TokenRefusedError):
    """unsupported_grant_type (RFC 6749 §5.2)."""

    code, title = "token_unsupported_grant_type", "The token endpoint does not know the grant"
    field = "type"


class TokenScopeNarrowedError(TokenRefusedError):
    """The granted scope lacks something that was asked (RFC 6749 §5.1)."""

    code, title = "token_scope_narrowed", "Less scope was granted than asked"
    field = "scope"


class TokenUnavailableError(TokenError):
    """It may work again by itself: backed off by seconds, callers get 503 with Retry-After."""

    status = 503
    proxy_error = "destination_unavailable"
    cool_down = False
    field: ClassVar[str | None] = None


class TokenUnreachableError(TokenUnavailableError):
    """Connection refused or reset."""

    code, title = "token_endpoint_unreachable", "The token endpoint cannot be reached"
    proxy_error = "connection_refused"
    field = "token_url"


class TokenTimeoutError(TokenUnavailableError):
    """No answer within `token_request.timeout`."""

    code, title = "token_endpoint_timeout", "The token endpoint did not answer in time"
    proxy_error = "http_response_timeout"
    field = "token_request.timeout"


class TokenServerError(TokenUnavailableError):
    """A 5xx from the token endpoint."""

    code, title = "token_endpoint_error", "The token endpoint failed"


class TokenRateLimitedError(TokenUnavailableError):
    """429 from the token endpoint; its Retry-After is obeyed."""

    code, title = "token_rate_limited", "The token endpoint limits the rate"

    @property
    def told(self) -> str:
        """With the seconds after which it may be asked again."""
        return self.facts if self.retry_after is None else f"{self.facts}; the next try is in {max(1, math.ceil(self.retry_after))} s"


class TokenNotJSONError(TokenUnavailableError):
    """A 200 that is empty, HTML or otherwise not a JSON object."""

    code, title = "token_response_not_json", "The token endpoint did not answer JSON"
    proxy_error = "http_protocol_error"
    field = "token_url"


class TokenResponseInvalidError(TokenUnavailableError):
    """A 200 without a usable access_token, or with a foreign token_type."""

    code, title = "token_response_invalid", "The token response is unusable"
    proxy_error = "http_protocol_error"
    field = "token_url"


class UpstreamError(ProxyError):
    """The API could not be asked, or did not answer HTTP."""

    status = 502
    origin = "upstream"
    proxy_error = "destination_unavailable"


class UpstreamDNSError(UpstreamError):
    """The upstream's name does not resolve."""

    code, title = "upstream_dns_error", "The upstream's name does not resolve"
    proxy_error = "dns_error"


class UpstreamUnreachableError(UpstreamError):
    """Every address refused the connection."""

    code, title = "upstream_unreachable", "The upstream refuses connections"
    proxy_error = "connection_refused"


class UpstreamConnectTimeoutError(UpstreamError):
    """No connection within `timeout.connect`."""

    status, code, title = 504, "upstream_connect_timeout", "Connecting to the upstream took too long"
    proxy_error = "connection_timeout"


class UpstreamTLSError(UpstreamError):
    """The TLS handshake with the upstream failed."""

    code, title = "upstream_tls_error", "TLS with the upstream failed"
    proxy_error = "tls_certificate_error"


class UpstreamEgressError(UpstreamError):
    """The egress proxy refused or failed."""

    code, title = "upstream_egress_error", "The egress proxy refused the connection"


class UpstreamAddressRefusedError(UpstreamError):
    """The upstream resolves to a link-local or metadata address."""

    code, title = "upstream_address_refused", "The upstream's address is refused"
    proxy_error = "destination_ip_prohibited"


class UpstreamTimeoutError(UpstreamError):
    """No response head within `timeout.response`."""

    status, code, title = 504, "upstream_timeout", "The upstream did not answer in time"
    proxy_error = "http_response_timeout"


class UpstreamClosedError(UpstreamError):
    """The connection ended before a response head."""

    code, title = "upstream_closed", "The upstream closed the connection"
    proxy_error = "connection_terminated"


class UpstreamResponseInvalidError(UpstreamError):
    """The response head is not valid HTTP/1.1, or an unasked 101."""

    code, title = "upstream_response_invalid", "The upstream did not answer valid HTTP"
    proxy_error = "http_protocol_error"


class UpstreamBusyError(UpstreamError):
    """No pooled connection became free within `timeout.response`."""

    status, code, title = 503, "upstream_busy", "All connections to the upstream are in use"
    proxy_error = "connection_limit_reached"
