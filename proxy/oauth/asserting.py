"""Assertions as a credential declares them: its options beside what is known now, then the signature.

What the options leave out comes from client_id and token_url, as most servers want it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from proxy.errors import SecretUnavailableError
from proxy.oauth.assertions import bearer_assertion_claims, client_assertion_claims
from proxy.oauth.exchange import SAMLAssertion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxy.oauth.names import Names
    from proxy.oauth.options import Assertion
    from proxy.oauth.template import Template

    Sign = Callable[[str | None, Mapping[str, object], Mapping[str, object]], str]  # of alg, header and claims


def client_assertion(names: Names, sign: Sign, *, key: Literal["private_key", "client_secret"]) -> str:
    """The JWT by which a client proves itself (RFC 7523 §2.2), signed with the value of `key`.

    Where the grant is an assertion of its own, `assertion` speaks of that one, and this one names the client alone (§3, item 2).

    Raises:
        SecretUnavailableError: a key or certificate cannot be used.
    """
    grant, facts, said = names.grant, names.facts, names.grant.assertion
    if grant.grants_by_assertion and not (said.from_ or said.header):
        said = said.header_alone if key == "private_key" else type(said)()
    claims = client_assertion_claims(
        client_id=grant.client_id,
        audience=_or(said.audience, names, facts.token_url),
        epoch=facts.epoch,
        unique=facts.unique(),
        lifetime=said.lifetime,
        issuer=_or(said.issuer, names, grant.client_id),
        subject=_or(said.subject, names, grant.client_id),
        extra=_claims(names, said),
    )
    header = _header(names, said)
    return _signed(names, lambda: sign(said.alg, header, claims), field=key)


def bearer_assertion(names: Names) -> str:
    """The JWT that is the grant itself (RFC 7523 §2.1); without a subject where none is said.

    Raises:
        SecretUnavailableError: a key or certificate cannot be used.
    """
    grant, facts, said = names.grant, names.facts, names.grant.assertion
    claims = bearer_assertion_claims(
        issuer=_or(said.issuer, names, grant.client_id),
        audience=_or(said.audience, names, facts.token_url),
        epoch=facts.epoch,
        subject=said.subject.render(names) if said.subject else None,
        unique=facts.unique(),
        lifetime=said.lifetime,
        extra=_claims(names, said),
    )
    key, header = names.secret("private_key"), _header(names, said)
    return _signed(names, lambda: facts.signer.jwt(key, claims=claims, alg=said.alg, header=header), field="private_key")


def saml_assertion(names: Names) -> str:
    """A signed SAML 2.0 assertion in base64url (RFC 7522 §2.1).

    Raises:
        SecretUnavailableError: a key or certificate cannot be used.
    """
    grant, facts, said = names.grant, names.facts, names.grant.assertion
    assertion = SAMLAssertion(
        issuer=_or(said.issuer, names, grant.client_id),
        subject=_or(said.subject, names, grant.client_id),
        audience=_or(said.audience, names, facts.token_url),
        recipient=_or(said.recipient, names, facts.token_url),
        name_id_format=said.name_id_format,
        attributes={name: value.render(names) for name, value in said.attributes.items()},
        epoch=facts.epoch,
        lifetime=said.lifetime,
        unique=facts.unique(),
        encoding=said.encoding,
    )
    key, certificate = names.secret("private_key"), names.secret("certificate")
    return _signed(names, lambda: facts.signer.saml(assertion, key=key, certificate=certificate, alg=said.alg), field="private_key")


def _or(template: Template | None, names: Names, otherwise: str) -> str:
    return template.render(names) if template is not None else otherwise


def _claims(names: Names, said: Assertion) -> Mapping[str, object]:
    tree = said.claims
    claims = tree.render(names, names.facts.read) if tree is not None else {}
    return claims if isinstance(claims, dict) else {}


def _header(names: Names, said: Assertion) -> Mapping[str, object]:
    """The JOSE header beside `alg` and `typ`: kid, and the certificate's thumbprints where they are asked for (RFC 7515 §4.1)."""
    header: dict[str, object] = {"kid": said.kid} if said.kid else {}
    if said.x5t:
        header["x5t"] = _thumbprint(names, "sha1")
    if said.x5t_s256:
        header["x5t#S256"] = _thumbprint(names, "sha256")
    return header


def _thumbprint(names: Names, hash_name: Literal["sha1", "sha256"]) -> str:
    certificate = names.secret("certificate")
    return _signed(names, lambda: names.facts.signer.thumbprint(certificate, hash_name), field="certificate")


def _signed(names: Names, sign: Callable[[], str], *, field: str) -> str:
    """What `sign` makes; `field` is the key that repairs it where it cannot."""
    try:
        return sign()
    except ValueError as exc:
        raise SecretUnavailableError(str(exc), alias=names.facts.alias, field=field) from exc
