"""What an API's answer to a probe means: good, or a failure with the key that repairs it.

Pure; the token was obtained a moment ago, so that its age excuses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.errors import Details
from proxy.http import told
from proxy.http.retry import read_challenge
from proxy.oauth.grants import UserCredentials
from proxy.oauth.quoting import quoted

if TYPE_CHECKING:
    from proxy.errors import ProxyError
    from proxy.http.routing import Route
    from proxy.http.wire import ResponseHead
    from proxy.oauth.credential import Credential
    from proxy.oauth.token import Token

UNAUTHORIZED, FORBIDDEN = 401, 403
_NO_SUCH_PATH = {404, 405, 410}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a stage failed; `place` is what people at the command line may see beside it: a host, an address."""

    details: Details
    place: str = ""

    @classmethod
    def of(cls, error: ProxyError) -> Failure:
        """The failure that an answer of our own tells of."""
        return cls(error.details, error.log_detail)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the API was asked with; `token` and `credential` are None for a route without a credential."""

    route: Route
    credential: Credential | None
    token: Token | None
    secrets: tuple[str, ...]  # of which nothing is quoted


def judged(head: ResponseHead, sent: Sent, *, expired: bool) -> Details | None:
    """None for a 2xx that does not say `expired`; else why this answer is no success."""
    status, route = head.status, f"routes.{sent.route.name}"
    if expired or status in {UNAUTHORIZED, FORBIDDEN}:
        return _refused(head, sent)
    if 200 <= status < 300:  # noqa: PLR2004  # RFC 9110 §15.3
        return None
    if status < 400:  # noqa: PLR2004  # RFC 9110 §15.4
        return Details("api_redirect", f"the API answered {status}, and redirects are not followed", f"{route}.probe.path")
    return Details(f"api_status_{status}", f"the API answered {status}", f"{route}.probe.path" if status in _NO_SUCH_PATH else None)


def _refused(head: ResponseHead, sent: Sent) -> Details:
    status, challenge = head.status, read_challenge(head)
    said = f"the API answered {status}{_quoted(head, sent)}"
    if sent.credential is None:
        return Details("credential_missing", f"{said}, and the route puts no token in", f"routes.{sent.route.name}.credential")
    if sent.credential.endpoint is None and status == FORBIDDEN:
        return Details("api_forbidden", said, _of_static(sent.credential))
    alias, asked = sent.credential.alias, sent.credential.scope
    granted = sent.token.scope if sent.token else None
    if challenge.scheme == "insufficient_scope":
        facts = told.scopes(asked=asked, granted=granted, needed=challenge.scope)
        return Details("insufficient_scope", facts, f"credentials.{alias}.scope")
    if status == FORBIDDEN:
        rights = told.scopes(asked=asked, granted=granted)
        return Details("api_forbidden", f"{said}; {rights}", None if asked else f"credentials.{alias}.scope")
    if challenge.scheme == "foreign" and not isinstance(sent.credential.grant, UserCredentials):  # which are HTTP Basic themselves
        return Details(
            "foreign_challenge", f"{said} and asks for another proof than a bearer token", f"routes.{sent.route.name}.credential"
        )
    if sent.credential.endpoint is None:
        return Details("new_token_refused", f"{said} to what it was sent", _of_static(sent.credential))
    return Details("new_token_refused", f"{said} to a token that was just obtained", f"credentials.{alias}.audience")


def _of_static(credential: Credential) -> str:
    """The option that holds what is sent as it is."""
    name = "password" if isinstance(credential.grant, UserCredentials) else "value"
    return f"credentials.{credential.alias}.{name}"


def _quoted(head: ResponseHead, sent: Sent) -> str:
    """The API's own words, without what was sent to it."""
    challenge = b", ".join(head.values(b"www-authenticate")).decode("latin-1")
    return f" ({quoted(challenge, sent.secrets)})" if challenge else ""
