"""Texts of a credential that hold templates: what is known at once becomes text, what is not stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.oauth.grants import ClientCredentials
from proxy.secrets.sources import Env, File
from tests.unit.settings.conftest import CLIENT, GRANT, Loaded, Told

HELD = "it may stand in token_url, token_request, steps, refresh, assertion and token_placement.value"
Grant = Callable[[str], ClientCredentials]


@pytest.fixture
def grant(loaded: Loaded) -> Grant:
    def grant(credential: str) -> ClientCredentials:
        found = loaded(credential).credentials["crm"].grant
        assert isinstance(found, ClientCredentials)
        return found

    return grant


def test_plain_text_takes_values_and_variables_at_once(grant: Grant) -> None:
    """Keys that no request reads anew hold text afterwards."""
    found = grant(
        GRANT + "values: {t: eu, v: {env: CRM_SECRET}}\nscope: ['${values.t}.read', '$${x}']\naudience: '${env:CRM_SECRET}/${values.v}'\n"
        "allowed_hosts: ['*.${values.t}', api.example]\ntoken_response: {access_token: 'data.${values.t}'}\n"
    )

    assert (tuple(found.scope), found.audience, found.allowed_hosts) == (("eu.read", "${x}"), "s3cret/s3cret", ("*.eu", "api.example"))
    assert str(found.token_response.access_token) == "data.eu"


def test_a_request_s_text_keeps_what_it_does_not_know(grant: Grant) -> None:
    """A value in clear becomes a part of the text; a secret, or one that is called so, is read at every request."""
    found = grant(
        GRANT.replace("login.example/token", "${values.host}/${values.api_key}/${values.v}/${env:CRM_SECRET}")
        + "values: {host: eu.example, api_key: hidden, v: {env: CRM_SECRET}}\n"
    )

    assert found.token_url is not None
    assert found.token_url.source == "https://eu.example/${values.api_key}/${values.v}/${env:CRM_SECRET}"


def test_a_variable_s_text_is_no_template(grant: Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the environment is taken as it is."""
    monkeypatch.setenv("URL", "https://login.example/${values.x}")

    found = grant(GRANT.replace("https://login.example/token", "{env: URL}"))

    assert found.token_url is not None
    assert found.token_url.render(str) == "https://login.example/${values.x}"


SECRETS = {
    "'${env:CRM_SECRET}'": Env("CRM_SECRET"),
    "'${values.pw}'": File("secret"),
    "{file: '${values.name}'}": File("secret"),
}


@pytest.mark.parametrize(("text", "place"), SECRETS.items())
def test_a_secret_by_reference_stays_where_it_is(grant: Grant, text: str, place: object) -> None:
    """It is read from its place whenever it is used, so that it may change."""
    assert grant(GRANT.replace("{env: CRM_SECRET}", text) + "values: {pw: {file: secret}, name: secret}\n").client_secret == place


def test_a_secret_may_be_a_part_of_a_text(grant: Grant) -> None:
    """With what stands around it."""
    secret = grant(GRANT.replace("{env: CRM_SECRET}", "'a-${env:CRM_SECRET}$${'")).client_secret

    assert secret is not None
    assert secret.read() == "a-s3cret${"


def test_a_parameter_s_value_keeps_its_type(grant: Grant) -> None:
    """A mapping that says where a secret is is that secret, any other one is itself."""
    params = "[{key: a, value: {env: CRM_SECRET}}, {key: b, value: {env: 1, x: 2}}, {key: c, value: [5, true, null, 'x${client_id}']}]"
    values = [param.value for param in grant(GRANT + f"token_request: {{params: {params}}}\n").token_request.params]

    assert values[0].secrets == (Env("CRM_SECRET"),)
    assert [value.source for value in values[1:]] == [{"env": 1, "x": 2}, [5, True, None, "x${client_id}"]]


def test_a_whole_body_is_no_secret(grant: Grant) -> None:
    """A body with one member that is called like a source is a body."""
    body = grant(GRANT + "token_request: {content_type: json, body: {env: prod}}\n").token_request.body

    assert body is not None
    assert body.source == {"env": "prod"}


OWN, FORMS = "client_id, client_secret, password", "username, values.NAME, env:NAME, now:FORMAT"
KNOWN, OF_A_SEND = "a ${...} in it is no name; known are", "request.method, request.path, subject, token"
BROKEN = {
    "known at a request alone": (
        "audience: '${client_id}'\n",
        [f"audience: ${{client_id}} is known only when a request is made; {HELD.replace('it may', 'that may')}"],
    ),
    "in a file": (
        "audience: '${values.f}'\nvalues: {f: {file: secret}}\n",
        [f"audience: values.f is read when a request is made (file); {HELD}"],
    ),
    "no such value": ("audience: '${values.f}'\n", ["audience: there is no `f` under `values`"]),
    "no such variable": ("audience: '${env:UNSET}'\n", ["audience: environment variable UNSET is not set"]),
    "no such variable for a secret": (
        "token_request: {params: [{key: a, value: {env: UNSET}}]}\nprivate_key: '${env:UNSET}'\nvalues: {a: '${env:UNSET}'}\n",
        [f"{key}: environment variable UNSET is not set" for key in ("token_request.params[0].value", "private_key", "values.a")],
    ),
    "a variable that is no text for a secret": ("private_key: '${env:NOT_TEXT}'\n", ["private_key: the secret is not UTF-8 text"]),
    "a value of a value": (
        "values: {a: x, b: '${values.a}'}\n",
        ["values.b: a value does not refer to another one; write ${env:NAME}, or what it stands for"],
    ),
    "a value that is wrong": (
        "values: {a: {env: UNSET}}\naudience: '${values.a}'\n",
        ["values.a: environment variable UNSET is not set"],
    ),
    "no name": ("audience: '${clientid}'\n", ["audience: a ${...} in it is no name; known here are values.NAME and env:NAME"]),
    "no name at a request": (
        "assertion: {subject: '${clientid}'}\n",
        ["assertion.subject: a ${...} in it is no name; did you mean ${client_id}?"],
    ),
    "no name like any other": (
        "assertion: {subject: '${xyzzy}'}\ntoken_placement: {value: '${xyzzy}'}\n",
        [
            f"assertion.subject: {KNOWN} assertion, {OWN}, random, refresh_token, subject, {FORMS}, step1.PATH",
            f"token_placement.value: {KNOWN} {OWN}, random, {OF_A_SEND}, {FORMS}, response.PATH, step1.PATH",
        ],
    ),
    "no name among several": (
        "assertion: {subject: '${env:CRM_SECRET}${clientid}'}\n",
        ["assertion.subject: the 2nd ${...} in it is no name; did you mean ${client_id}?"],
    ),
    "a variable as a shell writes it": (
        "audience: $CRM_SECRET\nprivate_key: ${CRM_SECRET}\nvalues: {a: $CRM_SECRET}\n",
        [f"{key}: a variable is read by {{env: CRM_SECRET}}; write that" for key in ("audience", "private_key", "values.a")],
    ),
    "a place as another tool writes it": (
        "private_key: file:secret.pem\ncertificate: env:CRM_SECRET\n",
        ["private_key: it names a place; write {file: PATH}", "certificate: it names a place; write {env: NAME}"],
    ),
    "the name of a file": ("private_key: ./key\n", ["private_key: it is the name of a file; write {file: ./key}"]),
    "no end": (
        "token_request: {body: {a: '${client_id'}}\n",
        ["token_request.body.a: a ${ has no } after its name; a literal ${ is written $${"],
    ),
    "a date": (
        "token_request: {body: {a: 2020-01-01}}\n",
        ["token_request.body.a: expected a value, got a date; put it in quotes"],
    ),
    "a number for a template": (
        "assertion: {subject: 5}\n",
        ["assertion.subject: expected text, got an integer; put it in quotes"],
    ),
}


@pytest.mark.parametrize(("more", "expected"), BROKEN.values(), ids=BROKEN)
def test_what_a_text_cannot_hold_is_told_at_its_place(told: Told, more: str, expected: list[str]) -> None:
    """One finding for each name."""
    assert told(GRANT + more) == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text("${}ab:.()values envx", max_size=14))
def test_no_text_escapes_the_findings(told: Told, text: str) -> None:
    """Whatever is written, settings load or say why not."""
    quoted = text.replace("'", "''")
    told(f"type: oauth2_client_credentials\n{CLIENT}audience: 'a{quoted}'\ntoken_request: {{params: [{{key: a, value: 'a{quoted}'}}]}}\n")
