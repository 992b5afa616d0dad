"""What a token endpoint's answer means: a Token, or the one TokenError that tells the cause.

Pure; nothing but a TokenError is raised, whatever the bytes are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from proxy import errors
from proxy.addresses import host_matches
from proxy.oauth.answer import decoded
from proxy.oauth.expiry import expiry, lifetime_of
from proxy.oauth.placement import placed
from proxy.oauth.quoting import TELLING, sent_secrets
from proxy.oauth.refusal import Answer, refusal

if TYPE_CHECKING:
    from proxy.oauth.answer import Path
    from proxy.oauth.exchange import TokenResponse
    from proxy.oauth.names import Names
    from proxy.oauth.token import Token

MAX_RESPONSE = 1 << 20  # bytes, decompressed

_TOKEN = re.compile(r"[\x21-\x7E]+")  # RFC 6749 A.12 less space; real ones carry `!` and `|`
_COOKIES = re.compile(r"[\x21-\x7E]+(?:; [\x21-\x7E]+)*")  # RFC 6265 §4.2.1


def parse_token(response: TokenResponse, names: Names, *, typed: bool = True) -> Token:
    """The Token of a token endpoint's answer (RFC 6749 §5.1), read where the credential says.

    A missing token_type is taken as Bearer; it is required, but servers leave it out, and nothing else can be sent. Without `typed`
    it is not looked at.

    Raises:
        TokenError: the error that is declared (also inside a 200), else what the status says, else what is unusable in the body.
    """
    answer = heard(response, names)
    if answer.decoded is None and _in_body(names.grant.token_response.access_token):
        empty = " with an empty body" if not response.body.strip() else ", not a JSON object"
        raise answer.noted(errors.TokenNotJSONError(answer.said + empty, alias=names.facts.alias))
    return _token(answer, names.hearing("response", response, {}), typed=typed)


def heard(response: TokenResponse, names: Names) -> Answer:
    """An answer that refuses nothing.

    Raises:
        TokenError: it is a refusal.
    """
    said = decoded(response)
    secrets = (*sent_secrets(names), *_received_secrets(said))
    answer = Answer.of(response, names, said, secrets)
    if (refused := refusal(answer)) is not None:
        raise refused
    return answer


def new_refresh_token(response: TokenResponse, names: Names) -> str | None:
    """The refresh token of an answer that grants something, whatever else is in it; None: there is none."""
    path = names.grant.token_response.refresh_token
    found = path.find(response, decoded(response)) if path is not None and response.status < HTTPStatus.BAD_REQUEST else None
    return found if isinstance(found, str) and found else None


def _in_body(path: Path) -> bool:
    return not str(path).startswith("header:") and str(path) != "cookies"


def _received_secrets(said: object) -> tuple[str, ...]:
    """The tokens of the answer, which servers have put into other members too."""
    body = said if isinstance(said, Mapping) else {}
    found = (body.get(name) for name in ("access_token", "refresh_token", "id_token"))
    return tuple(token for token in found if isinstance(token, str) and len(token) >= TELLING)


def _token(answer: Answer, names: Names, *, typed: bool) -> Token:
    grant, facts = names.grant, names.facts
    options = grant.token_response
    value = _access_token(answer, options.access_token)
    kind = _kind(answer) if typed else "bearer"
    granted = _granted(_found(answer, options.scope), grant.scope_separator)
    if granted is not None and grant.scope_narrowing == "refuse" and not set(_split(grant.scope, grant.scope_separator)) <= set(granted):
        asked, given = answer.quote(" ".join(grant.scope)), answer.quote(" ".join(granted)) or "none"
        raise errors.TokenScopeNarrowedError(f"asked {asked}; granted {given}", alias=facts.alias)
    made = grant.token_placement.value
    kept = names.landed(value, facts.kept.union(made.names if made is not None else ()))
    put = placed(kept, value, said=grant.token_placement, prover=facts.prover if kind == "dpop" else None)
    token = put.token(kept, value, lifetime=_lifetime(answer, value))
    return replace(token, scope=granted, upstream=_upstream(answer), refresh_token=new_refresh_token(answer.response, names))


def _found(answer: Answer, path: Path | None) -> object:
    return path.find(answer.response, answer.decoded) if path is not None else None


def _access_token(answer: Answer, path: Path) -> str:
    value = _found(answer, path)
    alias = answer.names.facts.alias
    if not isinstance(value, str) or not value:
        field = None if str(path) == "access_token" else "token_response.access_token"
        raise errors.TokenResponseInvalidError(f"{answer.said}: no {path} in it", alias=alias, field=field)
    if not (_COOKIES if str(path) == "cookies" else _TOKEN).fullmatch(value):
        raise errors.TokenResponseInvalidError(f"{answer.said}: the access_token holds a character outside %x21-7E", alias=alias)
    return value


def _kind(answer: Answer) -> str:
    """`bearer` or `dpop`: how the token is to be sent."""

    def unusable(why: str, field: str | None = None) -> errors.TokenError:
        return errors.TokenResponseInvalidError(f"{answer.said}: {why}", alias=answer.names.facts.alias, field=field)

    match (answer.body or {}).get("token_type"):
        case str(kind) if kind.lower() == "dpop":
            if not answer.names.grant.dpop:
                raise unusable("token_type is DPoP, and the credential does not prove possession", "dpop")
            return "dpop"
        case (None | str()) as kind if kind is None or kind.lower() in {"bearer", "n_a"}:  # RFC 8693 §2.2.1: N_A of what is no access token
            if answer.names.grant.dpop:  # RFC 9449 §5: not bound to the key
                raise unusable("the token is not bound to a key, though the credential proves possession of one", "dpop")
            return "bearer"
        case str(kind):
            raise unusable(f"token_type is {answer.quote(kind) or 'empty'}, not Bearer")
        case _:
            raise unusable("token_type is not a text")


def _lifetime(answer: Answer, value: str) -> float:
    """Seconds to live: fixed, at a stated time, in a stated span, as a JWT says, or what the user takes for it."""
    grant, facts = answer.names.grant, answer.names.facts
    options = grant.token_response
    if grant.lifetime.fixed is not None:
        return grant.lifetime.fixed
    if options.expires_at is not None and (left := expiry(_found(answer, options.expires_at), facts.epoch)) is not None:
        return left
    stated = _found(answer, options.expires_in)
    return lifetime_of(stated, value, epoch=facts.epoch, when_missing=grant.lifetime.when_missing, unit=options.expires_in_unit)


def _upstream(answer: Answer) -> str | None:
    """The API's base URL that the answer names, within the hosts that the token may go to.

    Raises:
        TokenResponseInvalidError: it is no URL, or of another host.
    """
    grant, alias = answer.names.grant, answer.names.facts.alias
    if grant.token_response.upstream is None:
        return None
    said = _found(answer, grant.token_response.upstream)
    parts = _parts(said) if isinstance(said, str) and said.isascii() and said.isprintable() else None
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
        told = f"{answer.said}: no URL at {grant.token_response.upstream}"
        raise errors.TokenResponseInvalidError(told, alias=alias, field="token_response.upstream")
    if not any(host_matches(parts.hostname, pattern) for pattern in grant.allowed_hosts):
        told = f"{answer.said}: {grant.token_response.upstream} names a host that the token may not go to"
        raise errors.TokenResponseInvalidError(told, alias=alias, field="allowed_hosts", log_detail=parts.hostname)
    return said if isinstance(said, str) else None


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _granted(scope: object, separator: str) -> tuple[str, ...] | None:
    """The stated scope; None where the server states none (RFC 6749 §5.1: then it is what was asked)."""
    match scope:
        case str():
            return _split((scope,), separator)
        case list() if all(isinstance(item, str) for item in scope):
            return _split(scope, separator)
        case _:
            return None


def _split(scopes: Sequence[str], separator: str) -> tuple[str, ...]:
    """Taken apart as the request joins them, and at blanks and commas, which servers write whatever was sent.

    Asked and granted alike, so that a scope with a comma in its name is the same on both sides.
    """
    return tuple(name for text in scopes for name in text.replace(separator or " ", " ").replace(",", " ").split())
