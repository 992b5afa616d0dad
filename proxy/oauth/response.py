"""What a token endpoint's answer means: a Token, or the one TokenError that tells the cause.

Pure; nothing but a TokenError is raised, whatever the bytes are.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from proxy import errors
from proxy.oauth.expiry import lifetime_of
from proxy.oauth.lifetime import times
from proxy.oauth.quoting import sent_secrets
from proxy.oauth.refusal import Answer, refusal
from proxy.oauth.token import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxy.oauth.exchange import Facts, TokenResponse

MAX_RESPONSE = 1 << 20  # bytes, decompressed
_TELLING = 8  # characters; a shorter text is a word that may stand anywhere

_TOKEN = re.compile(r"[\x21-\x7E]+")  # RFC 6749 A.12 less space; real ones carry `!` and `|`


def parse_token(response: TokenResponse, facts: Facts, *, client_id: str, scope: tuple[str, ...]) -> Token:
    """The Token of a token endpoint's answer (RFC 6749 §5.1).

    A missing token_type is taken as Bearer; it is required, but servers leave it out, and nothing else can be sent.

    Raises:
        TokenError: the error that is declared (also inside a 200), else what the status says, else what is unusable in the body.
    """
    body = _json_object(response.body)
    secrets = (*sent_secrets(client_id, facts.client_secret), *_received_secrets(body or {}))
    answer = Answer(response, facts, scope, secrets, body)
    refused = refusal(answer)
    if refused is not None:
        raise refused
    if answer.body is None:
        empty = " with an empty body" if not response.body.strip() else ", not a JSON object"
        raise errors.TokenNotJSONError(answer.said + empty, alias=facts.alias)
    return _token(answer, answer.body)


def _received_secrets(body: Mapping[str, object]) -> tuple[str, ...]:
    """The tokens of the answer, which servers have put into other members too."""
    said = (body.get(name) for name in ("access_token", "refresh_token", "id_token"))
    return tuple(token for token in said if isinstance(token, str) and len(token) >= _TELLING)


def _json_object(body: bytes) -> Mapping[str, object] | None:
    try:
        value = json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _token(answer: Answer, body: Mapping[str, object]) -> Token:
    facts = answer.facts
    value = _access_token(answer, body)
    granted = _granted(body.get("scope"))
    if granted is not None and facts.scope_narrowing == "refuse" and not set(answer.scope) <= set(granted):
        asked, given = answer.quote(" ".join(answer.scope)), answer.quote(" ".join(granted)) or "none"
        raise errors.TokenScopeNarrowedError(f"asked {asked}; granted {given}", alias=facts.alias)
    lifetime = lifetime_of(body.get("expires_in"), value, epoch=facts.epoch, when_missing=facts.lifetime.when_missing)
    due, usable, expires = times(facts.now, lifetime, facts.lifetime, facts.jitter)
    return Token(
        value=value,
        obtained_at=facts.now,
        expires_at=expires,
        due_at=due,
        usable_until=usable,
        scope=granted,
        authorization=b"Bearer " + value.encode("ascii"),
    )


def _access_token(answer: Answer, body: Mapping[str, object]) -> str:
    def unusable(why: str) -> errors.TokenError:
        return errors.TokenResponseInvalidError(f"{answer.said}: {why}", alias=answer.facts.alias)

    value = body.get("access_token")
    if not isinstance(value, str) or not value:
        raise unusable("no access_token in it")
    if not _TOKEN.fullmatch(value):
        raise unusable("the access_token holds a character outside %x21-7E")
    match body.get("token_type"):
        case None:
            pass
        case str(kind) if kind.lower() == "bearer":
            pass
        case str(kind):
            raise unusable(f"token_type is {answer.quote(kind) or 'empty'}, not Bearer")
        case _:
            raise unusable("token_type is not a text")
    return value


def _granted(scope: object) -> tuple[str, ...] | None:
    """The stated scope; None where the server states none (RFC 6749 §5.1: then it is what was asked)."""
    match scope:
        case str():
            return tuple(scope.split())
        case list() if all(isinstance(item, str) for item in scope):
            return tuple(scope)
        case _:
            return None
