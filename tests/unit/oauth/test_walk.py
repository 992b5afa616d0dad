"""proxy/oauth/walk.py: a credential's options one by one, and which of them tell its tokens from others."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from proxy.oauth.answer import Path
from proxy.oauth.exchange import Resource, Scope
from proxy.oauth.grants import GRANTS, ClientCredentials, ExchangedToken, JWTBearer, LoginToken, RefreshToken, TokenExchange
from proxy.oauth.options import (
    Assertion,
    Param,
    Refresh,
    RequestOptions,
    Step,
    TokenPlacement,
    TokenRequestOptions,
    TokenResponseOptions,
)
from proxy.oauth.template import Template
from proxy.oauth.tree import Tree
from proxy.oauth.walk import family, fingerprint, leaves, names_of, options_named, presented, secrets_of, told_openly
from proxy.secrets import Secret
from proxy.secrets.sources import Env, Rotation, Text
from tests.fakes.credentials import SECRET, URL, crm

# What changes no token: who proves it and how, how the endpoint is reached, when a token is renewed. A field that is new
# shapes tokens, or gets its line here; each is the path in YAML, without what stands below it.
UNSHAPING = {
    "description",
    "provider",
    "lifetime",
    "client_auth",
    "basic_encoding",
    "assertion.alg",
    "assertion.kid",
    "assertion.x5t",
    "assertion.x5t#S256",
    "assertion.lifetime",
    "token_request.timeout",
    "token_request.proxy",
    "allow_plaintext",
    "allow_link_local",
    # secrets, by their places:
    "values",
    "client_secret",
    "client_assertion",
    "private_key",
    "certificate",
    "dpop_key",
    "password",
    "refresh_token",
    "value",
}
# What an access token was examined by when it came, or is bound to: another value asks for another one, by the same refresh token.
EXAMINING = {"scope_narrowing", "allowed_hosts", "token_request.tls"}
PAIRS: Mapping[Any, tuple[Any, Any]] = {  # two values of each type that an option may have
    str: ("one", "two"),
    bool: (False, True),
    float: (0.25, 0.5),
    int: (1, 2),
    Template: (Template.parse("https://one"), Template.parse("https://two")),
    Tree: (Tree.parse({"a": 1}), Tree.parse({"a": True})),
    Path: (Path.parse("one"), Path.parse("two")),
    Secret: (Env("ONE"), Env("TWO")),
    Scope: (Scope(("one",)), Scope(("two",))),
    Resource: (Resource(("urn:one",)), Resource(("urn:two",))),
}


def pairs(kind: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every option below one of this type: its path, and two values of the whole that differ in it alone."""
    origin = get_origin(kind)
    if kind in PAIRS:
        yield "", *PAIRS[kind]
    elif origin is Literal:
        yield "", *get_args(kind)[:2]
    elif origin in {Union, types.UnionType}:
        yield from pairs(next(one for one in get_args(kind) if one is not type(None)))
    elif origin is tuple:
        yield from (("[]" + path, (one,), (two,)) for path, one, two in pairs(get_args(kind)[0]))
    elif origin is dict:
        yield from ((".NAME" + path, {"n": one}, {"n": two}) for path, one, two in pairs(get_args(kind)[1]))
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            for path, one, two in pairs(hints(kind)[field.name]):
                yield f".{field.encode_name}{path}", made(kind, **{field.name: one}), made(kind, **{field.name: two})
    elif hasattr(kind, "__metadata__"):
        yield from pairs(get_args(kind)[0])
    else:
        base = next(base for base in (str, float, int) if issubclass(kind, base))
        yield "", *(kind(value) for value in PAIRS[base])


def hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def made(kind: type[Any], **said: Any) -> Any:
    """One of this type, with whatever else it needs."""
    needed = {field.name: next(iter(pairs(hints(kind)[field.name])))[1] for field in msgspec.structs.fields(kind) if field.required}
    return kind(**{**needed, **said})


OPTIONS = [(f"{name}{path}", one, two) for name, grant in GRANTS.items() for path, one, two in pairs(grant)]


def stands_in(path: str, names: set[str]) -> bool:
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in names)


def test_every_option_is_tried() -> None:
    """The options that are tried are those of every grant, however deep."""
    tried = {path for path, _, _ in OPTIONS}
    assert {
        "oauth2_client_credentials.token_request.params[].in",
        "oauth2_client_credentials.values.NAME",
        "oauth2_password.refresh.token_request.content_type",
        "oauth2_token_exchange.actor_token.from",
        "login_token.steps[].values.NAME",
        "login_token.assertion.attributes.NAME",
        "user_credentials.token_placement.header",
        "secure_parameter.lifetime.when_missing",
    } <= tried
    assert all(one != two for _, one, two in OPTIONS)


@pytest.mark.parametrize(("path", "one", "two"), OPTIONS, ids=[path for path, _, _ in OPTIONS])
def test_fingerprint(path: str, one: Any, two: Any) -> None:
    """Every option of every grant tells access tokens apart, but for those that must not: a new one has to be decided on."""
    same = fingerprint("crm", one) == fingerprint("crm", two)
    assert same is stands_in(path.partition(".")[2], UNSHAPING)


@pytest.mark.parametrize(("path", "one", "two"), OPTIONS, ids=[path for path, _, _ in OPTIONS])
def test_family(path: str, one: Any, two: Any) -> None:
    """A refresh token outlives what an access token is examined by or bound to, and nothing else that tells access tokens apart."""
    same = family("crm", one) == family("crm", two)
    assert same is stands_in(path.partition(".")[2], UNSHAPING | EXAMINING)


def test_fingerprint_covers_what_stands_beside() -> None:
    """What a token depends on beside its options makes another access token, of the same family."""
    assert len({fingerprint("crm", crm()), fingerprint("crm", crm(), "one"), fingerprint("crm", crm(), "two")}) == 3


@pytest.mark.parametrize("name", GRANTS)
def test_every_secret_is_found(name: str) -> None:
    """Whatever option names a secret, it is read when a token is fetched."""
    found = {path for path, one, _ in OPTIONS if path.startswith(f"{name}.") and Env("ONE") in secrets_of(one)}
    said = {path for path, one, _ in OPTIONS if path.startswith(f"{name}.") and "'ONE'" in repr(one)}
    assert found == said
    assert found


def test_fingerprint_covers_the_alias() -> None:
    """Two aliases never share a token: one's secret may be wrong."""
    assert fingerprint("crm", crm()) != fingerprint("erp", crm())


def test_fingerprint_covers_the_type() -> None:
    """Nor do two types with the same options."""
    said: dict[str, Any] = {"token_url": Template.parse(URL), "client_id": "id"}
    assert fingerprint("crm", JWTBearer(**said)) != fingerprint("crm", ClientCredentials(**said))


def test_fingerprint_is_stable() -> None:
    """Equal grants have one fingerprint, in every process and in whatever order a mapping is written: 64 hexadecimal digits."""
    one, two = ({"a": Text("x"), "b": Text("y")}, {"b": Text("y"), "a": Text("x")})
    assert fingerprint("crm", crm(values=one)) == fingerprint("crm", crm(values=two))
    assert len(fingerprint("crm", crm())) == 64
    assert int(fingerprint("crm", crm()), 16)


BEFORE, AFTER = Rotation(Text("s3cr3t"), Text("next")), Text("next")


@pytest.mark.parametrize(
    "make",
    [
        lambda secret: crm(client_secret=secret),
        lambda secret: RefreshToken(refresh_token=secret),
        lambda secret: crm(token_request=TokenRequestOptions(params=(Param(key="k", value=Tree.parse(secret)),))),
        lambda secret: crm(token_request=TokenRequestOptions(body=Tree.parse({"auth": ["${client_id}", secret]}))),
        lambda secret: LoginToken(
            steps=(Step(token_url=Template.parse(URL), token_request=RequestOptions(body=Tree.parse({"p": secret}))),)
        ),
        lambda secret: crm(assertion=Assertion(claims=Tree.parse({"pin": secret}))),
    ],
)
def test_a_rotated_secret_changes_nothing(make: Any) -> None:
    """Wherever a secret stands, a rotation of it orphans no token: its value, its place, a next one beside it."""
    assert len({fingerprint("crm", make(secret)) for secret in (BEFORE, AFTER, Env("NAME"))}) == 1


def test_a_secret_is_no_text() -> None:
    """Where a text stood, a secret is another option."""
    said = [
        crm(token_request=TokenRequestOptions(body=Tree.parse({"p": value}))) for value in (SECRET, "", "$${client_id}", "${client_id}")
    ]
    assert len({fingerprint("crm", grant) for grant in said}) == len(said)


def test_equal_numbers_of_different_types() -> None:
    """1, 1.0, true and "1" are sent differently, and shape different tokens."""
    said = [crm(token_request=TokenRequestOptions(body=Tree.parse({"p": value}))) for value in (1, 1.0, True, "1")]
    assert len({fingerprint("crm", grant) for grant in said}) == len(said)


def test_leaves() -> None:
    """Options stand under their paths in YAML, by their names there; a list or mapping without members has none."""
    grant = LoginToken(
        steps=(Step(token_url=Template.parse(URL), values={"sid": Path.parse("data.sid")}),),
        token_request=TokenRequestOptions(params=(Param(key="k", value=Tree.parse(1), in_="query"),)),
        assertion=Assertion(x5t_s256=True, from_="login"),
        scope=Scope(("a", "b")),
    )
    found = dict(leaves(grant))
    assert found["steps[0].values.sid"] == Path.parse("data.sid")
    assert (found["token_request.params[0].in"], found["token_request.params[0].key"]) == ("query", "k")
    assert (found["assertion.x5t#S256"], found["assertion.from"]) == (True, "login")
    assert found["scope"] == ("a", "b")
    assert not any(path.startswith("values") for path in found)


def test_secrets_of() -> None:
    """Each secret with the option that names it first; one that stands twice is read once."""
    grant = crm(
        values={"key": Env("KEY"), "plain": Text("p")},
        private_key=Env("KEY"),
        token_request=TokenRequestOptions(body=Tree.parse({"a": [Env("DEEP"), "${values.key}"]})),
    )
    expected: dict[Secret, str] = {
        Env("KEY"): "values.key",
        Text("p"): "values.plain",
        SECRET: "client_secret",
        Env("DEEP"): "token_request.body",
    }
    assert secrets_of(grant) == expected


def test_names_of() -> None:
    """The names in every template, inside functions and trees too."""
    grant = LoginToken(
        token_url=Template.parse("https://${values.tenant}/"),
        steps=(Step(token_url=Template.parse("https://${env:HOST}/${urlencode(${username})}")),),
        token_request=TokenRequestOptions(body=Tree.parse({"a": ["${step1.sid}"]})),
        token_placement=TokenPlacement(value=Template.parse("${token}")),
    )
    assert names_of(grant) == {"values.tenant", "env:HOST", "username", "step1.sid", "token"}


def test_other_aliases_and_presented_headers() -> None:
    """Which aliases' tokens a grant needs, and which headers of a caller; where our own token goes is neither."""
    grant = TokenExchange(
        token_url=Template.parse(URL),
        subject_token=ExchangedToken(header="X-User-Token"),
        actor_token=ExchangedToken(from_="machine"),
        assertion=Assertion(from_="login"),
        token_placement=TokenPlacement(header="X-Auth"),
        token_response=TokenResponseOptions(access_token=Path.parse("header:X-Token")),
        refresh=Refresh(token_url=Template.parse(URL)),
    )
    assert options_named(grant, "from") == {"actor_token.from": "machine", "assertion.from": "login"}
    assert presented(grant) == {"x-user-token": ("X-User-Token", "subject_token.header")}
    assert presented(crm()) == {}


@pytest.mark.parametrize(
    ("name", "secret", "openly"),
    [
        ("tenant", Text("acme"), True),
        ("realm", Text("erp"), True),
        ("api_key", Text("acme"), False),
        ("token_type", Text("jwt"), True),
        ("tenant", Env("TENANT"), False),
        ("tenant", Rotation(Text("old"), Text("new")), False),
        ("tenant", SECRET, False),
    ],
    ids=["a host", "a realm", "a secret's name", "about a secret", "from the environment", "rotated", "a secret elsewhere too"],
)
def test_told_openly(name: str, secret: Secret, *, openly: bool) -> None:
    """A value that stands in the configuration in clear is no secret, unless it is named like one or is one elsewhere."""
    assert told_openly(crm(values={name: secret})) == ({secret} if openly else set())
