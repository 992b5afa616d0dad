"""proxy/oauth/exchange.py: scopes and resources as users write them; values that keep their secrets."""

from __future__ import annotations

import pytest

from proxy.oauth.exchange import Resource, Scope, TokenRequest, TokenResponse
from proxy.oauth.token import TokenKey
from tests.fakes.credentials import SECRET, crm, facts_of, names_of


@pytest.mark.parametrize(
    ("value", "scope"),
    [("api", ("api",)), (" api  refresh ", ("api", "refresh")), (["api", "a b"], ("api", "a", "b")), ([], ()), ("", ())],
)
def test_scope(value: object, scope: tuple[str, ...]) -> None:
    """A scope is a list, or one text with spaces between."""
    assert Scope.parse(value) == scope


@pytest.mark.parametrize("value", [None, 1, ["api", 1], {"api": True}])
def test_scope_refuses(value: object) -> None:
    """Anything else is no scope."""
    with pytest.raises(ValueError, match="list of scopes"):
        Scope.parse(value)


@pytest.mark.parametrize(
    ("value", "resource"),
    [("https://api.test/", ("https://api.test/",)), (["urn:a", "urn:b"], ("urn:a", "urn:b"))],
)
def test_resource(value: object, resource: tuple[str, ...]) -> None:
    """A resource is one absolute URI or several."""
    assert Resource.parse(value) == resource


@pytest.mark.parametrize("value", [None, 1, "api", "https://api.test/#part", ["urn:a", "b"], [1]])
def test_resource_refuses(value: object) -> None:
    """What RFC 8707 §2 does not allow is refused."""
    with pytest.raises(ValueError, match="resource"):
        Resource.parse(value)


HOLDING = (
    TokenRequest("https://t/?key=s3cr3t", b"s3cr3t", {"Authorization": "s3cr3t"}),
    TokenResponse(200, {"x-token": "s3cr3t"}, b"s3cr3t", ("session=s3cr3t",)),
    facts_of(
        crm(),
        token_url="https://t/?key=s3cr3t",
        variables={"KEY": "s3cr3t"},
        tokens={"erp": "s3cr3t"},
        refresh_token="s3cr3t",
        key=TokenKey("f", "ada", {"authorization": "s3cr3t"}),
    ),
    names_of(crm()).knowing(token="s3cr3t").hearing("response", TokenResponse(200, {}, b'{"a": "s3cr3t"}'), {}),
)


@pytest.mark.parametrize("value", HOLDING, ids=lambda value: type(value).__name__)
def test_representations_hide_secrets(value: object) -> None:
    """No repr holds a secret, a token, a query, a request's body or a response's."""
    assert "s3cr3t" not in repr(value)


def test_a_secret_that_is_not_named() -> None:
    """What the credential does not name reads as nothing."""
    assert facts_of(crm()).read(None) == ""
    assert facts_of(crm()).read(SECRET) == SECRET.value
