"""What an assertion says, as the vendors document it."""

from __future__ import annotations

import pytest

from proxy.oauth.assertions import bearer_assertion_claims, client_assertion_claims

NOW = 1_700_000_000.75


def test_client_assertion() -> None:
    """Issuer and subject are the client, times are whole seconds (RFC 7523 §3)."""
    assert client_assertion_claims(client_id="erp", audience="https://as.example/token", epoch=NOW, unique="j1") == {
        "iss": "erp",
        "sub": "erp",
        "aud": "https://as.example/token",
        "jti": "j1",
        "iat": 1_700_000_000,
        "exp": 1_700_000_300,
    }


@pytest.mark.parametrize(
    ("said", "claims"),
    [
        ({"issuer": "i", "subject": "s"}, {"iss": "i", "sub": "s"}),
        ({"audience": ("a", "b")}, {"aud": ["a", "b"]}),
        ({"lifetime": 60.0}, {"exp": 1_700_000_060}),
        ({"extra": {"nbf": 5, "sub": "other"}}, {"nbf": 5, "sub": "other"}),
        ({"extra": {"jti": None}}, {"jti": None}),
    ],
)
def test_client_assertion_options(said: dict[str, object], claims: dict[str, object]) -> None:
    """Each option changes its claim, and None takes a claim away."""
    facts: dict[str, object] = {"client_id": "erp", "audience": "https://as.example", "epoch": NOW, "unique": "j1"}
    made = client_assertion_claims(**facts | said)  # type: ignore[arg-type]  # a table of keyword arguments
    assert {name: made.get(name) for name in claims} == claims
    assert None not in made.values()


def test_google() -> None:
    """A Google service account: token URL as audience, scope as a claim, no subject without delegation."""
    assert bearer_assertion_claims(
        issuer="robot@p.iam.gserviceaccount.com",
        audience="https://oauth2.googleapis.com/token",
        epoch=NOW,
        lifetime=3600,
        extra={"scope": "https://www.googleapis.com/auth/devstorage.read_only"},
    ) == {
        "iss": "robot@p.iam.gserviceaccount.com",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1_700_000_000,
        "exp": 1_700_003_600,
        "scope": "https://www.googleapis.com/auth/devstorage.read_only",
    }


def test_github_app() -> None:
    """A GitHub App: its id as issuer, `iat` a minute back, at most ten minutes between the two, neither audience nor jti."""
    made = bearer_assertion_claims(issuer="12345", audience=None, epoch=NOW, lifetime=540, backdate=60)
    assert made == {"iss": "12345", "iat": 1_699_999_940, "exp": 1_700_000_540}


def test_a_user_with_everything() -> None:
    """Subject, id and several audiences stand where they are wanted (RFC 7523 §3)."""
    made = bearer_assertion_claims(issuer="i", subject="u", audience=["a"], unique="j", epoch=NOW)
    assert made == {"iss": "i", "sub": "u", "aud": ["a"], "jti": "j", "iat": 1_700_000_000, "exp": 1_700_000_300}
