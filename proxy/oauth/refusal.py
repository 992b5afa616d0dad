"""Why a token endpoint's answer is no token: the one TokenError that tells the cause and the key that repairs it.

A declared error code counts before the status (RFC 6749 §5.2), also inside a 200; nothing is quoted unredacted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from proxy import errors
from proxy.oauth.expiry import retry_after
from proxy.oauth.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.exchange import Facts, TokenResponse

_DECLARED: Mapping[str, type[errors.TokenError]] = {  # RFC 6749 §5.2
    "invalid_client": errors.TokenInvalidClientError,
    "invalid_scope": errors.TokenInvalidScopeError,
    "invalid_grant": errors.TokenInvalidGrantError,
    "unauthorized_client": errors.TokenUnauthorizedClientError,
    "unsupported_grant_type": errors.TokenUnsupportedGrantError,
    "server_error": errors.TokenServerError,
    "temporarily_unavailable": errors.TokenServerError,
}
_NOT_FOUND = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}
_BOILERPLATE = re.compile(r"\(e\.g\.[^)]*\)")  # RFC 6749 §5.2's own sentence names the method as one example among others
_METHOD_RULED_OUT = re.compile(
    r"client_assertion|authenticat\w+[ _-]method|auth[ _]method|token_endpoint_auth|missing client|no client (?:auth|cred)|"
    r"(?:client_secret|client secret|credentials?|authorization header)\W+(?:is |was |are )?"
    r"(?:missing|required|not (?:found|provided|present))",
    re.IGNORECASE,
)
_PARAMETERS = (  # a word in an error_description, and the field that says that parameter
    (re.compile(r"\baudience\b", re.IGNORECASE), "audience"),
    (re.compile(r"\bresource\b", re.IGNORECASE), "resource"),
    (re.compile(r"\bscopes?\b", re.IGNORECASE), "scope"),
    (re.compile(r"content[- _]type|urlencoded|\bjson\b", re.IGNORECASE), "token_request.content_type"),
    (re.compile(r"client[_ ]?id\b", re.IGNORECASE), "client_id"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response beside what was asked."""

    response: TokenResponse
    facts: Facts
    scope: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)
    body: Mapping[str, object] | None = field(repr=False)  # None: not a JSON object

    @property
    def said(self) -> str:
        """`answered 404 text/html`."""
        kind = self.quote(self.response.headers.get("content-type", "").partition(";")[0].strip())
        return f"the token endpoint answered {self.response.status} {kind}".rstrip()

    @property
    def error(self) -> str:
        """The declared error's code, or ""; some servers put an object there."""
        match (self.body or {}).get("error"):
            case str(code):
                return code
            case {"code": str(code)} | {"type": str(code)} | {"status": str(code)}:
                return code
            case dict() | True:
                return "error"
            case _:
                return ""

    @property
    def description(self) -> str:
        body = self.body or {}
        match (body.get("error"), body.get("error_description")):
            case (_, str(text)):
                return text
            case ({"message": str(text)}, _):
                return text
            case _:
                return ""

    @property
    def declared(self) -> str:
        """`invalid_scope (no such scope)`, quotable."""
        code, description = self.quote(self.error), self.quote(self.description)
        return f"{code} ({description})" if description else code

    def quote(self, text: str) -> str:
        return quoted(text, self.secrets)


def refusal(answer: Answer) -> errors.TokenError | None:
    """Why there is no token, in the order in which a cause is certain; None: nothing was refused."""
    alias, status = answer.facts.alias, answer.response.status
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return errors.TokenRedirectError(f"{answer.said}, and redirects are not followed", alias=alias)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(answer.response.headers.get("retry-after", ""), answer.facts.epoch)
        return errors.TokenRateLimitedError(_with_declared(answer), alias=alias, retry_after=wait)
    if answer.error in _DECLARED:
        return _declared(answer)
    if status in _NOT_FOUND:
        return errors.TokenEndpointNotFoundError(_with_declared(answer), alias=alias)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.TokenServerError(_with_declared(answer), alias=alias)
    if status >= HTTPStatus.BAD_REQUEST or answer.error or (answer.body or {}).get("ok") is False:
        return _refused(answer)
    return None


def _with_declared(answer: Answer) -> str:
    return f"{answer.said}, {answer.declared}" if answer.error else answer.said


def _declared(answer: Answer) -> errors.TokenError:
    facts, told = answer.facts, _with_declared(answer)
    kind, client_auth = _DECLARED[answer.error], answer.facts.client_auth
    if kind is errors.TokenInvalidClientError:
        field_ = "client_auth" if _rules_out_method(answer) else "client_secret"
        return kind(f"{told}; the client_auth used was {client_auth}", alias=facts.alias, field=field_)
    if kind is errors.TokenInvalidScopeError:
        return kind(f"{told}; the scope asked was {answer.quote(' '.join(answer.scope)) or 'none'}", alias=facts.alias)
    return kind(told, alias=facts.alias)


def _rules_out_method(answer: Answer) -> bool:
    return bool(_METHOD_RULED_OUT.search(_BOILERPLATE.sub("", answer.description)))


def _refused(answer: Answer) -> errors.TokenError:
    """A 4xx without a known code, or an unknown error inside a 200."""
    facts, told = answer.facts, _with_declared(answer)
    if answer.response.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        told = f"{told}: it does not take a {facts.content_type} body"
        return errors.TokenRefusedError(told, alias=facts.alias, field="token_request.content_type")
    found = "client_secret" if answer.response.status == HTTPStatus.UNAUTHORIZED else None
    if answer.error == "invalid_target":  # RFC 8707 §2
        found = "resource"
    elif answer.error:
        found = next((name for word, name in _PARAMETERS if word.search(answer.description)), found)
    return errors.TokenRefusedError(f"{told}; the client_auth used was {facts.client_auth}", alias=facts.alias, field=found)
