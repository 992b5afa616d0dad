"""Why a token endpoint's answer is no token: the one TokenError that tells the cause and the key that repairs it.

A declared error code counts before the status (RFC 6749 §5.2), also inside a 200; nothing is quoted unredacted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy import errors
from proxy.oauth.clock import TOLERATED, skew
from proxy.oauth.clock import told as clock_told
from proxy.oauth.declared import Declared, declared, fine
from proxy.oauth.expiry import retry_after
from proxy.oauth.quoting import quoted, quoted_code
from proxy.oauth.repair import by_time, client_key, grant_key, parameter_key, place_key, target_key

if TYPE_CHECKING:
    from proxy.oauth.answer import Decoded
    from proxy.oauth.exchange import TokenResponse
    from proxy.oauth.names import Names

_DECLARED: Mapping[str, type[errors.TokenError]] = {  # RFC 6749 §5.2
    "invalid_client": errors.TokenInvalidClientError,
    "invalid_scope": errors.TokenInvalidScopeError,
    "invalid_grant": errors.TokenInvalidGrantError,
    "unauthorized_client": errors.TokenUnauthorizedClientError,
    "unsupported_grant_type": errors.TokenUnsupportedGrantError,
    "server_error": errors.TokenServerError,
    "temporarily_unavailable": errors.TokenServerError,
}
_CLIENT_ID = {"invalid_client_id", "unknown_client", "application_cannot_be_found"}  # Salesforce, Shopify: told apart from the secret
_A_PERSONS = {"consent_required", "interaction_required"}  # OpenID Connect Core §3.1.2.6; no key gives consent
_TARGET = {"invalid_target", "invalid_resource"}  # RFC 8707 §2, and Entra
_DPOP = {"invalid_dpop_proof", "use_dpop_nonce"}  # RFC 9449 §5
_MAX_SEEN = 16 << 10  # bytes of a page in which its title is sought
_TITLE = re.compile(r"<title[^<>]*>([^<]{1,300})", re.IGNORECASE)
_NOT_FOUND = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}


@dataclass(frozen=True, slots=True)
class Answer:
    """A response beside what was asked."""

    response: TokenResponse
    names: Names
    body: Mapping[str, object] | None = field(repr=False)  # None: no object with members
    decoded: Decoded = field(repr=False)  # None: nothing that can be read
    secrets: tuple[str, ...] = field(repr=False)
    own: Declared = field(repr=False)  # the error in the answer's own words, neither quotable nor sure to be one

    @classmethod
    def of(cls, response: TokenResponse, names: Names, said: Decoded, secrets: tuple[str, ...]) -> Answer:
        """An answer that holds `said`; `secrets` are quoted nowhere."""
        return cls(response, names, said if isinstance(said, Mapping) else None, said, secrets, declared(said))

    @property
    def said(self) -> str:
        """`answered 404 text/html`."""
        kind = self.quote(self.response.headers.get("content-type", "").partition(";")[0].strip())
        return f"the token endpoint answered {self.response.status} {kind}".rstrip()

    @property
    def error(self) -> str:
        """The declared error's code, or ""; inside a 2xx only what nothing but an error says, or what stands in a token's place."""
        code, _, certain = self.own
        if certain or self.response.status >= HTTPStatus.BAD_REQUEST:
            return code
        return "" if fine(code) or self._has_token else code

    @property
    def description(self) -> str:
        return self.own.text

    @property
    def skew(self) -> float | None:
        """Seconds that this host's clock is ahead of the server's."""
        return skew(self.response.headers.get("date", ""), self.names.facts.epoch)

    def noted(self, error: errors.TokenError) -> errors.TokenError:
        """The error with what the answer shows beside it."""
        error.skew, error.seen = self.skew, self._seen
        return error

    @property
    def _seen(self) -> str:
        """Where a redirect leads, an HTML page's title, or the first words of another text; "" where members say it."""
        if location := self.response.headers.get("location"):
            host, path = _target(location)
            return f"to {host}{self.quote(path)}"
        start = self.response.body[:_MAX_SEEN].decode("utf-8", "replace").strip()
        if title := _TITLE.search(start):
            return f'a page "{self.quote(" ".join(title[1].split()))}"'
        silent = self.response.status < HTTPStatus.BAD_REQUEST or self.body is not None  # what is no refusal may be a token
        return "" if silent or start[:1] in {"{", "[", ""} else self.quote(start)

    @property
    def _has_token(self) -> bool:
        return self.names.grant.token_response.access_token.find(self.response, self.decoded) is not None

    @property
    def declared(self) -> str:
        """`invalid_scope (no such scope)`, quotable; "": nothing is declared."""
        code, description = quoted_code(self.error, self.secrets), self.quote(self.description)
        return f"{code} ({description})".lstrip() if description else code

    def quote(self, text: str) -> str:
        return quoted(text, self.secrets)


def refusal(answer: Answer) -> errors.TokenError | None:
    """Why there is no token, in the order in which a cause is certain; None: nothing was refused."""
    error = _refusal(answer)
    return None if error is None else answer.noted(error)


def _refusal(answer: Answer) -> errors.TokenError | None:
    alias, status = answer.names.facts.alias, answer.response.status
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return errors.TokenRedirectError(f"{answer.said}, and redirects are not followed", alias=alias)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(answer.response.headers.get("retry-after", ""), answer.names.facts.epoch)
        return errors.TokenRateLimitedError(_with_declared(answer), alias=alias, retry_after=wait)
    if answer.error.lower() in _DECLARED:
        return _declared(answer)
    if status in _NOT_FOUND:
        return errors.TokenEndpointNotFoundError(_with_declared(answer), alias=alias, field=place_key(answer.names))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.TokenServerError(_with_declared(answer), alias=alias)
    if status >= HTTPStatus.BAD_REQUEST or answer.error or (answer.body or {}).get("ok") is False:
        return _refused(answer)
    return None


def _with_declared(answer: Answer) -> str:
    return f"{answer.said}, {answer.declared}" if answer.declared else answer.said


def _declared(answer: Answer) -> errors.TokenError:
    """A refusal with a code that RFC 6749 knows, and the key that it is about."""
    names, told = answer.names, _with_declared(answer)
    alias, grant = names.facts.alias, names.grant
    match kind := _DECLARED[answer.error.lower()]:
        case errors.TokenInvalidClientError:
            return kind(
                f"{told}; {_method(answer)}{_clock(answer)}", alias=alias, field=_field(answer, client_key(names, answer.description))
            )
        case errors.TokenInvalidGrantError:
            return kind(told + _clock(answer), alias=alias, field=_field(answer, grant_key(names, answer.description)))
        case errors.TokenInvalidScopeError:
            asked = answer.quote(" ".join(grant.scope))
            field_ = "assertion.claims" if not asked and grant.assertion.claims is not None else None  # where Google reads it
            return kind(f"{told}; the scope asked was {asked or 'none'}", alias=alias, field=field_)
        case errors.TokenUnsupportedGrantError:
            return kind(told, alias=alias, field="grant_type" if grant.grant_type else None)
        case _:
            return kind(told, alias=alias)


def _of_the_client(answer: Answer) -> bool:
    """A 401 is about the client; so is a 403 without a word, which is glewlwyd's answer to a wrong secret."""
    status = answer.response.status
    return status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and not answer.response.body.strip())


def _refused(answer: Answer) -> errors.TokenError:
    """A 4xx without a known code, or an unknown error inside a 200."""
    names, told, code = answer.names, _with_declared(answer), answer.error.lower()
    alias, grant = names.facts.alias, names.grant
    if answer.response.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        told = f"{told}: it does not take a {grant.token_request.content_type} body"
        return errors.TokenRefusedError(told, alias=alias, field="token_request.content_type")
    if code in _CLIENT_ID:
        return errors.TokenInvalidClientError(f"{told}; {_method(answer)}", alias=alias, field="client_id")
    if code in _A_PERSONS:
        return errors.TokenRefusedError(told, alias=alias, field="")
    if code in _DPOP:
        return errors.TokenRefusedError(told + _clock(answer), alias=alias, field=_field(answer, "dpop"))
    found = client_key(names, answer.description) if _of_the_client(answer) else None
    found = target_key(grant) if code in _TARGET else parameter_key(names, answer.description) or found
    if found is None and answer.response.status == HTTPStatus.BAD_REQUEST:
        found = "token_request"  # the endpoint is one that judges requests
    return errors.TokenRefusedError(f"{told}; {_method(answer)}", alias=alias, field=found)


def _method(answer: Answer) -> str:
    """How the client proved itself, and what the server's metadata lists where it was asked."""
    facts, used = answer.names.facts, f"the client_auth used was {answer.names.grant.client_auth}"
    listed = facts.metadata.auth_methods if facts.metadata else None
    return f"{used}; the server's metadata lists {answer.quote(', '.join(listed))}" if listed else used


def _wrong_clock(answer: Answer) -> bool:
    """Whether what was sent has times in it, and this host's clock is not the server's."""
    return by_time(answer.names) and answer.skew is not None and abs(answer.skew) > TOLERATED


def _clock(answer: Answer) -> str:
    return f"; {clock_told(answer.skew or 0.0)}, and what was sent has times in it: set this host's clock" if _wrong_clock(answer) else ""


def _field(answer: Answer, key: str) -> str:
    """No key repairs a clock."""
    return "" if _wrong_clock(answer) else key


def _target(location: str) -> tuple[str, str]:
    """Origin and path of a redirect's target; its query may hold what was sent."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "", ""
    host = parts.hostname or ""
    plain = parts.scheme in {"http", "https"} and host.isascii() and host.isprintable()
    return (f"{parts.scheme}://{host}" if plain else ""), parts.path
