"""Values in another tool's spelling, and what is said twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.settings.slips import place_meant
from tests.unit.settings.conftest import CLIENT, GRANT, TOKEN_URL, Told

if TYPE_CHECKING:
    from pathlib import Path

TAKEN = f"type: oauth2_token_exchange\n{CLIENT}"
JWT = "expected a URI; write urn:ietf:params:oauth:token-type:jwt"
LOGIN = f"type: login_token\n{TOKEN_URL}client_id: a\nassertion: {{alg: ES256}}\n"
SIGNED = "token_request: {params: [{key: Authorization, value: 'Bearer ${assertion}', in: header}]}\n"
BOTH = "private_key: {file: key}\nclient_assertion: {env: CRM_SECRET}\n"
BROKEN = {
    "a type of a token": (
        TAKEN
        + "subject_token: {header: X-Token, type: jwt}\nactor_token: {header: X-Actor, type: JWT}\nrequested_token_type: access-token\n",
        [f"subject_token.type: {JWT}", f"actor_token.type: {JWT}", f"requested_token_type: {JWT[:-3]}access_token"],
    ),
    "the address of metadata": (
        GRANT.replace("token_url: https://login.example/token", "issuer: https://login.example/.well-known/openid-configuration"),
        ["issuer: an issuer has no /.well-known/ in it; write the part before that"],
    ),
    "an assertion beside its key": (
        f"type: oauth2_client_credentials\n{TOKEN_URL}client_id: a\nclient_auth: private_key_jwt\n" + BOTH,
        ["client_assertion: said together with private_key, which makes one; say one of them"],
    ),
    "an assertion that nobody signs": (
        LOGIN + SIGNED,
        ["private_key: this key is missing; ${assertion} is signed with it, unless assertion.from takes another token"],
    ),
    "a preset's assertion that nobody signs": (
        "provider: github_app\nvalues: {installation: '1'}\nclient_id: a\n",
        ["private_key: this key is missing; ${assertion} is signed with it, unless assertion.from takes another token"],
    ),
}


@pytest.mark.parametrize(("credential", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_slip_is_told_at_its_place(told: Told, credential: str, expected: list[str]) -> None:
    """Once, with what to write."""
    assert sorted(told(credential)) == sorted(expected)


GOOD = {
    "types by their URNs and of a server's own": TAKEN + "subject_token: {header: X-Token, type: 'urn:x:y'}\nrequested_token_type: own\n",
    "an assertion with its key": LOGIN + SIGNED + "private_key: {file: key}\n",
    "an assertion of another": LOGIN.replace("alg: ES256", "header: X-Assertion") + SIGNED,
    "an assertion that nothing uses": LOGIN,
    "a client's assertion beside the grant's": f"type: oauth2_jwt_bearer\n{TOKEN_URL}client_id: a\nclient_auth: private_key_jwt\n"
    "private_key: {file: key}\nclient_assertion: {env: CRM_SECRET}\n",
}


@pytest.mark.parametrize("credential", GOOD.values(), ids=GOOD)
def test_what_is_meant_passes(told: Told, credential: str) -> None:
    """Nothing is told of it."""
    assert told(credential) == []


UNSET = "it looks like a variable of a shell, and none of that name is set; a variable is read by {env: NAME}"
SPELLED = {
    "$CLIENT_SECRET": "a variable is read by {env: CLIENT_SECRET}; write that",
    "${CLIENT_SECRET}": "a variable is read by {env: CLIENT_SECRET}; write that",
    "%CLIENT_SECRET%": "a variable is read by {env: CLIENT_SECRET}; write that",
    "$K7QZ2M9XW4TR": UNSET,
    "${K7QZ2M9XW4TR}": UNSET,
    "%K7QZ2M9XW4TR%": UNSET,
    "file:secrets/crm": "it names a place; write {file: PATH}",
    "file:///run/secrets/crm": "it names a place; write {file: PATH}",
    "env:CLIENT_SECRET": "it names a place; write {env: NAME}",
    "secrets/crm": "it is the name of a file; write {file: secrets/crm}",
    "crm.pem": "it is the name of a file; write {file: crm.pem}",
    "plain": None,  # a file of that name is there too, and a secret may be called so
    "secrets": None,
    "secrets/none": None,
    "$ecret-1": None,
    "$Secret": None,
    "a$CLIENT_SECRET": None,
    "/" * 5000: None,
    "a/\0": None,
    "hunter2": None,
}


@pytest.mark.parametrize(("text", "expected"), SPELLED.items())
def test_a_text_that_names_a_place_is_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str | None) -> None:
    """A variable, a URL of a file, or the path of one that is there; what is neither set nor there is not shown."""
    monkeypatch.setenv("CLIENT_SECRET", "x")
    for name in ("secrets/crm", "crm.pem", "plain"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    assert place_meant(text, tmp_path) == expected
