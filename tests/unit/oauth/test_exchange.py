"""proxy/oauth/exchange.py: scopes and resources as users write them; values that keep their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.oauth.exchange import Resource, Scope, TokenRequest, TokenResponse

if TYPE_CHECKING:
    from proxy.oauth.exchange import Facts


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


def test_representations_hide_secrets(facts: Facts) -> None:
    """No repr holds a secret, a request's body or a response's."""
    shown = f"{facts!r} {TokenRequest('https://t', b's3cr3t', {'Authorization': 's3cr3t'})!r} {TokenResponse(200, {}, b's3cr3t')!r}"
    assert "s3cr3t" not in shown
