"""Which key of a credential a refusal is about: by what was sent, and by the words of the server's own description.

Pure; a word decides only among keys that the credential's request really has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from proxy.oauth.client_auth import CLIENT_AUTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.oauth.names import Names
    from proxy.oauth.options import EndpointOptions

_BOILERPLATE = re.compile(r"\(e\.g\.[^()]*\)")  # RFC 6749 §5.2's own sentence names the method as one example among others
_METHOD_RULED_OUT = re.compile(
    r"authenticat\w{1,20}[ _-]method|auth[ _]method|token_endpoint_auth|missing client|no client (?:auth|cred)|"
    r"(?:client_secret|client secret|credentials?|authorization header)\W{1,8}(?:is |was |are )?"
    r"(?:missing|required|not (?:found|provided|present))",
    re.IGNORECASE,
)
_NO_SUCH_CLIENT = re.compile(r"no client with|client identifier|(?:unknown|unregistered) client", re.IGNORECASE)
_ASSERTION_WANTED = re.compile(r"client_assertion", re.IGNORECASE)
_ASSERTION_PARTS = (  # a word about a signed assertion, and the key that says that part of it
    (re.compile(r"\baud(?:ience)?s?\b", re.IGNORECASE), "assertion.audience"),
    (re.compile(r"\brecipient\b", re.IGNORECASE), "assertion.recipient"),
    (re.compile(r"\biss(?:uer)?\b", re.IGNORECASE), "assertion.issuer"),
    (re.compile(r"\bsub(?:ject)?\b|\buser\b|\bname_?id\b", re.IGNORECASE), "assertion.subject"),
    (re.compile(r"\balg(?:orithm)?\b", re.IGNORECASE), "assertion.alg"),
    (re.compile(r"\bkid\b", re.IGNORECASE), "assertion.kid"),
    (re.compile(r"\bexp(?:ired|iration|iry)?\b|\blifetime\b", re.IGNORECASE), "assertion.lifetime"),
)
_KEY = re.compile(r"signature|signed|\bkeys?\b|certificate|thumbprint", re.IGNORECASE)
_UNREAD = re.compile(
    r"grant[_ ]?type\W{1,8}(?:parameter )?(?:is |was )?(?:missing|required|not )|(?:missing|no)\W[\w\W]{0,40}grant[_ ]?type", re.IGNORECASE
)
_GRANT_REFUSED = re.compile(
    r"grant[_ ]?type\b[\w\W]{0,40}\bnot (?:allowed|permitted|supported|enabled|authori[sz]ed)|unsupported grant[_ ]?type", re.IGNORECASE
)
_BADLY_ENCODED = re.compile(r"\b(?:authorization|basic)\b[\w\W]{0,60}\bencod", re.IGNORECASE)
_CLIENT_WANTED = re.compile(r"client (?:auth|cred)", re.IGNORECASE)
_TARGET = re.compile(r"\baudience\b|\bresource\b|service not enabled", re.IGNORECASE)  # the last is Auth0's
_PARAMETERS = (  # a word in a description, and the key that says that parameter
    (re.compile(r"\bscopes?\b", re.IGNORECASE), "scope"),
    (re.compile(r"content[- _]type|urlencoded|\bjson\b(?! web token)", re.IGNORECASE), "token_request.content_type"),
    (re.compile(r"client[_ ]?id\b", re.IGNORECASE), "client_id"),
)
_EXCHANGED = re.compile(r"\b(?:subject|actor)[ _-]?token", re.IGNORECASE)
_SOME_TOKEN = re.compile(r"\btoken\b(?! (?:type|endpoint|exchange|request|url)\b)", re.IGNORECASE)
_WORD = re.compile(r"[\w.-]+", re.ASCII)
_MARKS = re.compile(r"[\W_]+", re.ASCII)
_HELD = re.compile(r"\$\{([A-Za-z_][\w.-]*)\}", re.ASCII)
_OWN_KEYS = frozenset({"client_id", "client_secret", "username", "password", "refresh_token"})


def client_key(names: Names, description: str) -> str:
    """The key of what proves the client; `client_auth` where the server rules the method out."""
    grant, metadata = names.grant, names.facts.metadata
    listed = metadata.auth_methods if metadata else None
    if listed and grant.client_auth not in listed:
        return "client_auth"
    said = _BOILERPLATE.sub("", description)
    method = CLIENT_AUTH[grant.client_auth]
    signed = method.by == "assertion"
    if _METHOD_RULED_OUT.search(said) or (not signed and _ASSERTION_WANTED.search(said)):
        return "client_auth"
    if _NO_SUCH_CLIENT.search(said) and grant.client_id:
        return "client_id"
    alone = "assertion" in names.known or getattr(grant, "password", None) is not None
    if grant.client_auth == "none" and alone and not (grant.client_id and _CLIENT_WANTED.search(said)):
        return grant_key(names, said)  # nothing else was sent that could be wrong
    if grant.client_auth == "private_key_jwt" and grant.client_assertion is not None:
        return "client_assertion"
    proof = (*method.needs, "client_auth")[0]
    return _part(said, proof) or proof if signed else proof


def grant_key(names: Names, description: str) -> str:
    """The key of what the grant rests on: an assertion, a token, a password, else the client itself."""
    grant = names.grant
    if getattr(grant, "subject_token", None) is not None:
        return _exchanged(grant, description)
    if "assertion" in names.known:
        own = grant.assertion.from_ is None and grant.assertion.header is None
        return (_part(description, "private_key") if own else None) or "assertion"
    for name in ("refresh_token", "password"):
        if getattr(grant, name, None) is not None:
            return name
    return "client_id"


def parameter_key(names: Names, description: str) -> str | None:
    """The key of the parameter that a description speaks of; None: of none.

    What the credential adds itself comes first. That a parameter is missing which was sent means that the server does not read the
    body in this form.
    """
    grant = names.grant
    exchanges = getattr(grant, "subject_token", None) is not None
    if (added := _added_key(names, description)) is not None:
        return added
    if exchanges and _EXCHANGED.search(description):  # RFC 8693 §2.2.2: one that cannot be used makes an invalid_request
        return _exchanged(grant, description)
    if _GRANT_REFUSED.search(description):
        return "grant_type" if grant.grant_type else "type"
    if grant.client_auth == "client_secret_basic" and _BADLY_ENCODED.search(description):
        return "basic_encoding"
    if _UNREAD.search(description):
        return "token_request.content_type"
    if _TARGET.search(description):
        return target_key(grant, "resource" if re.search(r"\bresource\b", description, re.IGNORECASE) else "audience")
    found = next((name for word, name in _PARAMETERS if word.search(description)), None)
    return _exchanged(grant, description) if exchanges and found is None and _SOME_TOKEN.search(description) else found


def target_key(grant: EndpointOptions, otherwise: str = "resource") -> str:
    """The key that says what the token is for: the one that the credential has, since servers call it by either name."""
    if grant.resource:
        return "resource"
    if grant.audience:
        return "audience"
    return "scope" if any(scope.endswith("/.default") for scope in grant.scope) else otherwise  # Entra takes it from there


def place_key(names: Names) -> str:
    """The key that says where the token endpoint is: of a preset, the value that stands in the URL's path, which is all the user wrote."""
    grant, url = names.grant, names.facts.token_url
    if grant.provider is None:
        return "token_url"
    path = url.partition("://")[2].partition("/")[2]
    held = [name for name, secret in grant.values.items() if (text := names.facts.secrets.get(secret)) and text in path]
    return f"values.{held[-1]}" if held else "token_url"


def by_time(names: Names) -> bool:
    """Whether times of this host's clock were sent: in an assertion or a proof of its own making."""
    grant = names.grant
    made = "assertion" in names.known and grant.assertion.from_ is None and grant.assertion.header is None
    return made or grant.dpop or (CLIENT_AUTH[grant.client_auth].by == "assertion" and grant.client_assertion is None)


def _exchanged(grant: EndpointOptions, description: str) -> str:
    """Which of the two tokens of an exchange is meant."""
    return "actor_token" if "actor" in description.lower() and getattr(grant, "actor_token", None) is not None else "subject_token"


def _added_key(names: Names, description: str) -> str | None:
    """The key of a parameter of `token_request` that a description names: of the one value in it, where that has a key of its own."""
    words = [_plain(word) for word in _WORD.findall(description)]
    named = {*words, *map("".join, pairwise(words))}  # `company id` is company_id
    request = names.grant.token_request
    added = [(param.key, param.value.source, "params") for param in request.params]
    added += [(name, value, "body") for name, value in _entries(request.body.source if request.body is not None else None)]
    for name, value, place in added:
        held = _HELD.findall(str(value)) or _written_for(names, value)
        if _plain(name) in named and held != ["assertion"]:  # of which its own words say more
            own = len(held) == 1 and (held[0].startswith("values.") or held[0] in _OWN_KEYS)
            return held[0] if own else f"token_request.{place}"
    return None


def _written_for(names: Names, value: object) -> list[str]:
    """The `values` that stand in the configuration in clear and in this place: settings put them there as text."""
    return [f"values.{name}" for name, secret in names.grant.values.items() if names.facts.secrets.get(secret) == value]


def _entries(body: object) -> Iterator[tuple[str, object]]:
    """The names in a body with what stands under them, at every depth."""
    for name, value in body.items() if isinstance(body, Mapping) else ():
        yield name, value
        yield from _entries(value)
    for value in body if isinstance(body, list) else ():
        yield from _entries(value)


def _plain(name: str) -> str:
    return _MARKS.sub("", name).lower()


def _part(description: str, key: str) -> str | None:
    """The key of the part of a signed assertion that a description speaks of; `key` is what signs it."""
    found = next((name for word, name in _ASSERTION_PARTS if word.search(description)), None)
    return found or (key if _KEY.search(description) else None)
