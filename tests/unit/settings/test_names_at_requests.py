"""What settings let through is known at every request: each name in each place of each type either is a finding or has a value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from proxy.oauth.exchange import Facts, TokenResponse
from proxy.oauth.grants import GRANTS
from proxy.oauth.names import Names
from proxy.oauth.refreshing import exchange
from proxy.oauth.token import Send, TokenKey
from proxy.oauth.walk import names_of
from proxy.settings import SettingsError
from tests.fakes.credentials import facts_of
from tests.unit.settings.conftest import CLIENT, TOKEN_URL, Loaded

if TYPE_CHECKING:
    from proxy.oauth.options import EndpointOptions

SECRET = "{env: CRM_SECRET}"
TYPES = {
    "oauth2_client_credentials": CLIENT,
    "oauth2_password": f"{CLIENT}username: u\npassword: {SECRET}\n",
    "oauth2_refresh_token": f"{CLIENT}refresh_token: {SECRET}\n",
    "oauth2_jwt_bearer": f"{TOKEN_URL}client_id: erp\nprivate_key: {{file: key}}\n",
    "oauth2_token_exchange": f"{CLIENT}subject_token: {{header: X-Token}}\n",
    "login_token": f"{TOKEN_URL}username: u\npassword: {SECRET}\nprivate_key: {{file: key}}\n",
    "user_credentials": f"username: u\npassword: {SECRET}\n",
    "secure_parameter": f"value: {SECRET}\n",
}
STEPS = "steps: [{token_url: 'https://a.example', values: {v: a.b}}, {token_url: 'https://a.example'}]\n"
PLACES = {
    "token_url": "",
    "token_request": "token_request: {params: [{key: x, value: '%s', in: query}]}\n",
    "refresh": "refresh: {token_url: 'https://a.example', token_request: {body: {x: '%s'}}}\n",
    "steps[0]": "steps: [{token_url: 'https://a.example/%s'}, {token_url: 'https://a.example'}]\n",
    "steps[1]": "steps: [{token_url: 'https://a.example', values: {v: a.b}}, {token_url: 'https://a.example/%s'}]\n",
    "assertion": "assertion: {subject: '%s'}\n",
    "token_placement": "token_placement: {value: 'x%s'}\n",
}
NAMES = (
    *("values.v", "env:CRM_SECRET", "client_id", "client_secret", "username", "password", "refresh_token", "assertion", "token"),
    *("step1.v", "step1.a.b", "step2.a.b", "step3.a", "response.a.b", "request.method", "request.path", "subject", "now:iso", "random"),
)
ANSWER = TokenResponse(200, {"content-type": "application/json"}, b'{"access_token": "t", "expires_in": 60, "a": {"b": "c"}}')
SEND = Send("GET", "https://api.example/x")


def written(kind: str, place: str, name: str) -> str:
    """A credential of this type with this name in this place."""
    text = f"type: {kind}\n{TYPES[kind]}values: {{v: {SECRET}}}\n"
    if place == "token_url":
        text = text.replace("/token\n", f"/${{{name}}}\n", 1)
    else:
        text += PLACES[place] % f"${{{name}}}"
    return text + (STEPS if kind == "login_token" and not place.startswith("steps") else "")


def exchanged(grant: Any, facts: Facts) -> None:
    """The exchange to its end, and a send with its token."""
    steps = exchange(grant, facts)
    try:
        next(steps)
        while True:
            steps.send(ANSWER)
    except StopIteration as done:
        if done.value.per_send is not None:
            done.value.per_send.headers(SEND)


def facts_for(grant: Any, refresh_token: str | None) -> Facts:
    variables = {name.removeprefix("env:"): "v" for name in names_of(grant) if name.startswith("env:")}
    facts = facts_of(grant, variables=variables, refresh_token=refresh_token, key=TokenKey("f", "who", {"x-token": "t"}))
    url = getattr(grant, "token_url", None)
    if url is None or any(name.startswith("step") for name in url.names):
        return facts
    return replace(facts, token_url=url.render(Names(cast("EndpointOptions", grant), facts)))


@pytest.mark.parametrize("kind", TYPES)
def test_no_request_fails_on_a_name(loaded: Loaded, kind: str) -> None:
    """First request and refresh alike; what would fail there is refused with the settings."""
    passed = 0
    for place in PLACES:
        for name in NAMES:
            try:
                grant = loaded(written(kind, place, name)).credentials["crm"].grant
            except SettingsError:
                continue
            passed += 1
            for refresh_token in (None, "r"):
                try:
                    exchanged(grant, facts_for(grant, refresh_token))
                except LookupError as exc:
                    pytest.fail(f"{name} in {place} of {kind}, refresh_token {refresh_token}: {exc!r}")

    assert passed > len(PLACES)


def test_every_type_is_tried() -> None:
    """But the SAML bearer, whose key needs more than a name."""
    assert TYPES.keys() | {"oauth2_saml_bearer"} == GRANTS.keys()
