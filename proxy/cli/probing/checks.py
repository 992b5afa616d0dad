"""What a failed token call went through, in the order of the way: which check held, which failed, which was not reached.

Read from the failure itself; after silence the way is gone once more, without a request, so that no secret is sent twice.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.addresses import forbidden_address
from proxy.oauth import clock
from proxy.oauth.jwt import jwt_part
from proxy.oauth.lifetime import short_lived

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.errors import TokenError
    from proxy.oauth.lifetime import Lifetime
    from proxy.oauth.token import Token

PATIENCE = 3.0  # seconds for each part of the way
_WAY = ("secret", "dns", "connect", "tls", "http", "answer")
_FAILS_AT = {
    "secret_unavailable": "secret",
    "token_dns_error": "dns",
    "token_address_refused": "dns",
    "token_endpoint_unreachable": "connect",
    "token_tls_error": "tls",
    "token_endpoint_not_found": "http",
    "token_endpoint_redirect": "http",
    "token_endpoint_timeout": "http",
    "token_endpoint_error": "http",
    "token_rate_limited": "http",
    "token_response_not_json": "http",
}  # all others: the answer itself
_CONCERNS = (  # the end of a key, and what about the request it says
    (re.compile(r"\.(?:password|refresh_token|subject_token|actor_token|assertion(?:\..*)?|grant_type|type)"), "grant"),
    (re.compile(r"\.client_auth"), "method"),
    (re.compile(r"\.(?:client_(?:secret|id|assertion)|private_key|tls\.cert)"), "client"),
    (re.compile(r"\.scope"), "scope"),
    (re.compile(r"\.(?:audience|resource)"), "audience"),
    (re.compile(r"\.content_type"), "form"),
    (re.compile(r"\.(?:dpop|dpop_key)"), "proof"),
)
_ANSWERED = re.compile(r"answer(?:ed| was) ([0-9]{3}(?: [\w.+-]+/[\w.+-]+)?)")


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the way; `ok` is None where it was not reached, or nothing tells."""

    name: str
    ok: bool | None
    detail: str = ""


def of_failure(error: TokenError, at: str | None = None, *, url: str = "") -> tuple[Check, ...]:
    """Every check of a token call that failed.

    `at` is where it did, where that is known better than the error says; `url` where it went, where the error names no place.
    """
    if error.code == "token_egress_error":
        return (Check("egress", ok=False, detail=error.facts), *(Check(name, ok=None) for name in _WAY[1:]))
    at = at or _fails_at(error)
    place = _WAY.index(at)
    way = [_Found(error, at).check(name, before=index < place) for index, name in enumerate(_WAY) if _taken(name, _place(error) or url)]
    return (*way, *_concern(error, at), *_clock(error))


def of_token(token: Token, rules: Lifetime, epoch: float) -> tuple[Check, ...]:
    """What a token that was minted at `epoch` seconds says of clocks and lifetimes."""
    short = short_lived(token.lifetime, rules)
    return (Check("lifetime", short is None, short.facts if short else ""), *_issued(token.value, epoch))


async def after_silence(error: TokenError) -> str | None:
    """Where a call that was not answered hangs: "dns", "connect" or "tls"; None: behind these, or nothing tells.

    Nothing is sent but a TLS handshake, and no certificate is judged.
    """
    url = _place(error)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if error.code != "token_endpoint_timeout" or not host:
        return None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PATIENCE):
            found = await loop.getaddrinfo(host, port, type=1)  # a stream
    except (OSError, TimeoutError, UnicodeError):
        return "dns"
    address = str(found[0][4][0])
    if forbidden_address(address):
        return "dns"
    return await _hangs(address, port, host, tls=parts.scheme == "https")


async def _hangs(address: str, port: int, host: str, *, tls: bool) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return "connect"
    try:
        if tls:
            async with asyncio.timeout(PATIENCE):
                await writer.start_tls(_unjudging(), server_hostname=host)
    except (OSError, TimeoutError):
        return "tls"
    finally:
        writer.close()
    return None


def _unjudging() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True, slots=True)
class _Found:
    """What the failure tells of each part of the way."""

    error: TokenError
    at: str

    def check(self, name: str, *, before: bool) -> Check:
        if name == self.at:
            return Check(name, ok=False, detail=self.error.facts)
        return Check(name, ok=True, detail=_answered(self.error) if name == "http" else "") if before else Check(name, ok=None)


def _fails_at(error: TokenError) -> str:
    if error.code == "token_endpoint_unreachable" and "closed" in error.facts:
        return "http"
    return _FAILS_AT.get(error.code, "answer")


def _taken(name: str, url: str) -> bool:
    """There is no TLS on the way to a plain endpoint."""
    return name != "tls" or not url.startswith("http:")


def _place(error: TokenError) -> str:
    """The URL at the head of what operators are told."""
    return error.log_detail.partition(": ")[0] if error.log_detail.startswith(("http://", "https://")) else ""


def _answered(error: TokenError) -> str:
    """`401 application/json`."""
    found = _ANSWERED.search(error.facts)
    return found[1] if found else ""


def _concern(error: TokenError, at: str) -> Sequence[Check]:
    """What about the request the answer refuses."""
    if at != "answer" or error.key is None:
        return ()
    name = next((name for key, name in _CONCERNS if re.search(rf"(?:{key.pattern})\Z", error.key)), None)
    return () if name is None else (Check(name, ok=False, detail=f"change {error.key}"),)


def _clock(error: TokenError) -> Sequence[Check]:
    if error.skew is None:
        return ()
    right = abs(error.skew) <= clock.TOLERATED
    return (Check("clock", right, "" if right else clock.told(error.skew)),)


def _issued(token: str, epoch: float) -> Sequence[Check]:
    """Whether a JWT begins in this host's future (RFC 7519 §4.1.5, §4.1.6)."""
    claims = jwt_part(token, "claims") or {}
    begins = [value for name in ("iat", "nbf") if isinstance(value := claims.get(name), int | float) and not isinstance(value, bool)]
    if not begins:
        return ()
    ahead = max(begins) - epoch
    if ahead <= clock.TOLERATED:
        return (Check("clock", ok=True),)
    return (Check("clock", ok=False, detail=f"the token begins {ahead:.0f} s in this host's future: {clock.told(-ahead)}"),)
