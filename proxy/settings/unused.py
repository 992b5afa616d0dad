"""Keys of a credential that nothing reads, given what the others say.

Each yields why, at the key; nothing of it is wrong, and something is not sent that was meant to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.oauth.client_auth import BY_CERTIFICATE
from proxy.oauth.options import Assertion, TokenRequestOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxy.settings.checks import Fault
    from proxy.settings.said import Said

_SAML_ALONE = ("recipient", "name_id_format", "attributes", "encoding")
_TAKEN = ("from", "header")
_OF_A_HEAD = ("kid", "x5t", "x5t#S256")
_BY_BODY = "it is not sent: token_request.body stands in place of every parameter; write it into that"


def unused_key(said: Said) -> Iterator[Fault]:
    """A key that has no effect is a slip, or a request that says less than was meant."""
    if not said.of_endpoint:
        return
    yield from _beside_body(said)
    yield from _of_login(said)
    yield from _of_client(said)
    yield from _of_assertion(said)
    shown = any(said.has(f"{name}.header") for name in ("assertion", "subject_token", "actor_token"))
    if said.has("refresh") and shown:
        yield said.at("refresh", "nothing is refreshed: what a caller presents is exchanged anew")


def _beside_body(said: Said) -> Iterator[Fault]:
    body = said.section("token_request", TokenRequestOptions).body
    if body is None:
        return
    written = _keys(body.source)
    for name in ("grant_type", "audience", "resource"):  # a scope has an effect besides: tokens are examined by it
        if said.has(name) and name not in written:
            yield said.at(name, _BY_BODY)


def _keys(tree: object) -> set[str]:
    match tree:
        case dict():
            return set(tree).union(*map(_keys, tree.values()))
        case list():
            return set().union(*map(_keys, tree))
        case _:
            return set()


def _of_login(said: Said) -> Iterator[Fault]:
    for name in ("username", "password") if said.kind == "login_token" else ():
        if said.has(name) and name not in said.names:
            yield said.at(name, f"it is not sent: no template of the login names ${{{name}}}")


def _of_client(said: Said) -> Iterator[Fault]:
    method, assertion = said.client_auth, said.section("assertion", Assertion)
    if said.has("basic_encoding") and method != "client_secret_basic":
        yield said.at("basic_encoding", f"it holds for client_secret_basic, and client_auth is {method}")
    if said.has("client_secret") and method in BY_CERTIFICATE | {"private_key_jwt"} and "client_secret" not in said.names:
        yield said.at("client_secret", f"it is not sent: client_auth is {method}")
    if said.has("client_assertion") and method != "private_key_jwt":
        yield said.at("client_assertion", f"it is not sent: client_auth is {method}")
    if said.has("private_key") and not (_client_signs(said) and method == "private_key_jwt") and not _grant_signs(said):
        yield said.at("private_key", "nothing is signed with it")
    if said.has("certificate") and said.kind != "oauth2_saml_bearer" and not (assertion.x5t or assertion.x5t_s256):
        yield said.at("certificate", "nothing names it: assertion.x5t and assertion.x5t#S256 do, and SAML")


def _client_signs(said: Said) -> bool:
    return said.client_auth == "client_secret_jwt" or (said.client_auth == "private_key_jwt" and not said.has("client_assertion"))


def _grant_signs(said: Said) -> bool:
    """Whether the grant, or the login, sends an assertion that is made here."""
    taken = any(said.has(f"assertion.{name}") for name in _TAKEN)
    return not taken and (said.kind in {"oauth2_jwt_bearer", "oauth2_saml_bearer"} or _in_login(said))


def _in_login(said: Said) -> bool:
    return said.kind == "login_token" and "assertion" in said.names


def _of_assertion(said: Said) -> Iterator[Fault]:
    node = said.node.get("assertion")
    for name in node.entries if node is not None else ():
        path = f"assertion.{name}"
        if said.has(path) and (why := _unasserted(said, name)):
            yield said.at(path, why)


def _unasserted(said: Said, name: str) -> str | None:
    """Why this part of an assertion is in none; None: it is."""
    if name in _TAKEN:
        return "no template of the login names ${assertion}" if said.kind == "login_token" and not _in_login(said) else None
    saml = said.kind == "oauth2_saml_bearer"
    if name in _SAML_ALONE and not saml:
        return "it is a part of a SAML assertion alone"
    if saml and (name == "claims" or (name in _OF_A_HEAD and said.client_auth != "private_key_jwt")):
        return "it is a part of a JWT, and this assertion is SAML"
    return None if _client_signs(said) or _grant_signs(said) else "no assertion is made: neither client_auth nor the grant signs one"
