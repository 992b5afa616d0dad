"""Which names a template may hold: in a credential's keys, and in a route's inject."""

from __future__ import annotations

import pytest

from proxy.oauth.template import Template
from proxy.settings.references import Known, inject_fault
from tests.unit.settings.conftest import GRANT, TOKEN_URL, Told

LOGIN = f"type: login_token\n{TOKEN_URL}"
LATER = "is known only when the token is there; that may stand in token_placement.value and a route's inject"
ASSERTED = "${assertion} is known in token_request and steps of oauth2_jwt_bearer, oauth2_saml_bearer and login_token alone"
AGAIN = "a refresh knows no step and no assertion; say refresh: {token_request: ...} for it, or token_response: {refresh_token: null}"
PARAM = "token_request: {params: [{key: a, value: '%s'}]}\n"
URL = "https://a.example/"

BROKEN = {
    "a value that is not there": (
        GRANT.replace("/token", "/${values.tenat}") + "values: {tenant: eu}\n",
        ["token_url: there is no `tenat` under `values`; did you mean 'tenant'?"],
    ),
    "a variable that is not set": (GRANT.replace("/token", "/${env:UNSET}"), ["token_url: environment variable UNSET is not set"]),
    "several names at once": (
        GRANT.replace("/token", "/${response.x}/${request.path}"),
        [f"token_url: ${{request.path}} {LATER}", f"token_url: ${{response.x}} {LATER}"],
    ),
    "the token in its request": (
        GRANT + "token_request: {params: [{key: a, value: ['${token}']}]}\n",
        [f"token_request.params[0].value[0]: ${{token}} {LATER}"],
    ),
    "a key that is not there": (
        GRANT + "token_request: {params: [{key: a, value: '${password}'}]}\n",
        ["token_request.params[0].value: the credential has no `password` that ${password} could stand for"],
    ),
    "an assertion that nobody makes": (
        GRANT + "token_request: {params: [{key: a, value: '${assertion}'}]}\n",
        [f"token_request.params[0].value: {ASSERTED}"],
    ),
    "an assertion without a key": (
        LOGIN + "token_request: {params: [{key: a, value: '${assertion}'}]}\n",
        ["token_request.params[0].value: ${assertion} needs a private_key to sign with, or assertion: {from: ALIAS}"],
    ),
    "an assertion in itself": (
        LOGIN + "private_key: {file: key}\nassertion: {subject: '${assertion}'}\n",
        [f"assertion.subject: {ASSERTED}"],
    ),
    "steps of another type": (
        GRANT.replace("/token", "/${step1.x}"),
        ["token_url: there are no steps: they are keys of a credential of type login_token"],
    ),
    "a step that comes later": (
        LOGIN + f"steps: [{{token_url: '{URL}${{step2.x}}'}}, {{token_url: '{URL}${{step2.x}}'}}]\n",
        [f"steps[{index}].token_url: step 2 is not yet called here; only the steps before are known" for index in (0, 1)],
    ),
    "a step too many": (
        LOGIN.replace("/token", "/${step2.x}") + f"steps: [{{token_url: '{URL}'}}]\n",
        ["token_url: there is no step 2; steps has 1"],
    ),
    "a value that a step does not give": (
        LOGIN.replace("/token", "/${step1.sesion}") + f"steps: [{{token_url: '{URL}', values: {{session: data.sid}}}}]\n",
        ["token_url: there is no 'sesion' under `values` of step 1; did you mean 'session'?"],
    ),
    "a step before the first": (
        LOGIN + f"private_key: {{file: key}}\nassertion: {{subject: '${{step1.x}}'}}\nsteps: [{{token_url: '{URL}'}}]\n",
        ["assertion.subject: an assertion is made before the first step"],
    ),
    "a step of a refresh": (
        LOGIN
        + f"steps: [{{token_url: '{URL}'}}]\ntoken_placement: {{value: '${{step1.x}}'}}\nrefresh: {{token_url: '{URL}${{step1.x}}'}}\n",
        [
            f"{key}: a refresh calls no step, so that there is no answer of one after it"
            for key in ("token_placement.value", "refresh.token_url")
        ],
    ),
    "an assertion that a refresh does not have": (
        f"type: oauth2_jwt_bearer\n{TOKEN_URL}client_id: a\nprivate_key: {{file: key}}\n" + PARAM % "${assertion}",
        [f"token_request.params[0].value: {AGAIN}"],
    ),
    "a step that a refresh does not have": (
        LOGIN + PARAM % "${step1.x}" + f"steps: [{{token_url: '{URL}'}}]\nrefresh: {{token_url: '{URL}'}}\n",
        [f"token_request.params[0].value: {AGAIN}"],
    ),
    "a refresh token of the first request": (
        GRANT + "token_request: {params: [{key: a, value: '${refresh_token}'}]}\n",
        ["token_request.params[0].value: the credential has no `refresh_token` that ${refresh_token} could stand for"],
    ),
    "an answer of nobody": (
        "type: secure_parameter\nvalue: {env: CRM_SECRET}\ntoken_placement: {value: '${response.x}'}\n",
        ["token_placement.value: ${response.x} is a part of a token endpoint's answer, and this credential has no endpoint"],
    ),
}


@pytest.mark.parametrize(("credential", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_name_that_stands_for_nothing_is_told_where_it_stands(told: Told, credential: str, expected: list[str]) -> None:
    """No request fails on a template."""
    assert told(credential) == expected


GOOD = {
    "everything of a request": LOGIN.replace("/token", "/${values.t}/${client_id}?a=${username}&b=${now:iso}&c=${random}&d=${subject}")
    + "values: {t: eu}\nclient_id: me\nusername: you\n",
    "secrets in a body": LOGIN + "password: {file: secret}\nclient_secret: {file: secret}\ntoken_request: {body: ['${password}', "
    "'${client_secret}'], content_type: json}\n",
    "steps": LOGIN.replace("/token", "/${step2.a.b}") + f"steps: [{{token_url: '{URL}'}}, {{token_url: '{URL}${{step1.x}}'}}]\n",
    "a path beside a step's values": LOGIN.replace("/token", "/${step1.data.id}/${step1.session}/${step2.other}")
    + f"steps: [{{token_url: '{URL}', values: {{session: data.sid}}}}, {{token_url: '{URL}'}}]\n",
    "an assertion of what is never refreshed": f"type: oauth2_jwt_bearer\n{TOKEN_URL}client_id: a\nprivate_key: {{file: key}}\n"
    + PARAM % "${assertion}"
    + "token_response: {refresh_token: null}\n",
    "a step of what is refreshed otherwise": LOGIN + PARAM % "${step1.x}" + f"steps: [{{token_url: '{URL}'}}]\n"
    "refresh: {token_request: {}}\n",
    "a step's answer with the token": LOGIN + f"steps: [{{token_url: '{URL}'}}]\ntoken_placement: {{value: '${{step1.x}} ${{token}}'}}\n",
    "a refresh": LOGIN + "refresh: {token_request: {body: {again: '${refresh_token}'}}}\n",
    "a placement": GRANT + "token_placement: {value: 'a ${token} ${response.x} ${request.method} ${request.path} ${random}'}\n",
    "no reference": GRANT + "audience: 'a $${b} $c'\n",
}


@pytest.mark.parametrize("credential", GOOD.values(), ids=GOOD)
def test_what_is_known_may_be_named(told: Told, credential: str) -> None:
    """Each name where a request knows it."""
    assert told(credential) == []


CRM = Known("oauth2_client_credentials", frozenset({"client_id"}), frozenset({"x"}), 0, endpoint=True)
STATIC = Known("secure_parameter", frozenset({"value"}))
INJECTED = {
    ("${values.x} ${response.a} ${token} ${client_id} ${subject} ${now:iso} ${random} ${request.path}", CRM): None,
    ("${values.y}", CRM): "there is no `y` under `values`",
    ("${client_secret}", CRM): "${client_secret} is not put on calls; put a secret there by `values`",
    ("${step1.x}", CRM): "the answers of steps are not kept; ${response.PATH} is a part of the token's answer",
    ("${client_id}", STATIC): "the credential has no `client_id` that ${client_id} could stand for",
    ("${response.a}", STATIC): "${response.a} is a part of a token endpoint's answer, and this credential has no endpoint",
    ("${now:iso} ${random} ${request.method}", None): None,
    ("${env:UNSET}", None): "environment variable UNSET is not set",
    (
        "${token}",
        None,
    ): "${token} needs a credential, and the route has none; ${env:NAME}, ${now:FORMAT}, ${random} and ${request.path} do not",
}


@pytest.mark.parametrize(("template", "known", "text"), [(*case, text) for case, text in INJECTED.items()])
def test_what_a_route_may_inject(template: str, known: Known | None, text: str | None) -> None:
    """What the route's credential knows once there is a token, and no secret of the client's."""
    assert inject_fault(Template.parse(template), known) == text


def test_an_injected_name_is_told_at_its_place(told: Told) -> None:
    """At the header or parameter that holds it."""
    assert told(GRANT, ", inject: {headers: {A: '${values.x}'}, query: {b: '${step1.x}'}}") == [
        "routes[0].inject.headers.A: there is no `x` under `values`",
        "routes[0].inject.query.b: the answers of steps are not kept; ${response.PATH} is a part of the token's answer",
    ]
