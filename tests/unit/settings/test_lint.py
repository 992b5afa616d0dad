"""What brings a warning and is no error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proxy.settings import load
from proxy.settings.lint import RULES
from proxy.settings.schema import DOCS
from tests.unit.settings.conftest import CLIENT, GRANT, TOKEN_URL, Loaded, Write, certificate_over

CLEAR = "the secret stands here in clear; an environment variable or a file of its own keeps it out"
URL = "goes into the URL, which servers and proxies log"
ROTATED = (
    "where the server rotates it, the newest one is kept in memory, and a restart begins with this one; "
    "token_response: {refresh_token: null} says that it does not"
)
SIGNED = (
    f"type: oauth2_client_credentials\n{TOKEN_URL}client_id: erp\nclient_auth: private_key_jwt\nprivate_key: {{file: key}}\n"
    "assertion: {x5t: true}\n"
)
POST = GRANT + "client_auth: client_secret_post\n"
PUBLIC = f"type: login_token\n{TOKEN_URL}client_secret: {{env: CRM_SECRET}}\n"
LOGIN = f"type: login_token\n{TOKEN_URL}password: {{env: CRM_SECRET}}\n"
RENEWED = f"type: oauth2_refresh_token\n{CLIENT}refresh_token: {{env: CRM_SECRET}}\n"

FOUND = {
    "cleartext: endpoint": (
        GRANT.replace("https", "http") + "allow_plaintext: true\n",
        ["token_url: http shows the client's secret and the token on the way"],
    ),
    "cleartext: issuer": (
        GRANT.replace("token_url: https://login.example/token", "issuer: http://login.example") + "allow_plaintext: true\n",
        ["issuer: http shows the client's secret and the token on the way"],
    ),
    "literal_secret": (GRANT.replace("{env: CRM_SECRET}", "hunter2"), [f"client_secret: {CLEAR}"]),
    "literal_secret: a value": (
        GRANT + "values: {api_key: hunter22, tenant: y, key: hunter22}\n",
        [f"values.api_key: {CLEAR}", f"values.key: {CLEAR}"],
    ),
    "readable_secret": (
        GRANT.replace("{env: CRM_SECRET}", "{file: open}"),
        ["client_secret: every user of this machine can read open; chmod o-r"],
    ),
    "readable_secret: the next one": (
        GRANT.replace("{env: CRM_SECRET}", "{current: {env: CRM_SECRET}, next: {file: open}}"),
        ["client_secret: every user of this machine can read open; chmod o-r"],
    ),
    "readable_secret: client certificate": (
        GRANT + "token_request: {tls: {cert: certificate, key: open-key}}\n",
        ["token_request.tls.key: every user of this machine can read open-key; chmod o-r"],
    ),
    "margin_never_met: margin": (
        GRANT + "lifetime: {fixed: 30s, refresh_before: 60s}\n",
        ["lifetime.refresh_before: it is longer than `fixed`, 30s: refresh_before_ratio holds instead"],
    ),
    "margin_never_met: interval": (
        GRANT + "lifetime: {when_missing: 5s, min_refresh_interval: 10s}\n",
        ["lifetime.min_refresh_interval: a token of 5s is over before min_refresh_interval is: it is never renewed ahead of its end"],
    ),
    "margin_never_met: length": (
        GRANT + "lifetime: {fixed: 1s}\n",
        ["lifetime.fixed: a token of 1s is over before min_refresh_interval is: it is never renewed ahead of its end"],
    ),
    "deprecated_grant": (
        f"type: oauth2_password\n{CLIENT}username: u\npassword: {{env: CRM_SECRET}}\n",
        ["type: this grant must not be used any more (RFC 9700 section 2.4); ask the server's operator for client credentials"],
    ),
    "secret_in_query: GET": (
        POST + "token_request: {method: GET}\n",
        ["token_request.method: GET puts the client's secret into the URL, which servers and proxies log"],
    ),
    "secret_in_query: parameter": (
        GRANT + "token_request: {params: [{key: s, value: '${client_secret}', in: query}]}\n",
        [f"token_request.params[0].value: client_secret {URL}"],
    ),
    "secret_in_query: place in a parameter": (
        GRANT + "token_request: {params: [{key: s, value: {env: CRM_SECRET}, in: query}]}\n",
        [f"token_request.params[0].value: a secret {URL}"],
    ),
    "secret_in_query: value in a parameter": (
        GRANT + "values: {v: {file: secret}}\ntoken_request: {params: [{key: s, value: '${values.v}', in: query}]}\n",
        [f"token_request.params[0].value: values.v {URL}"],
    ),
    "secret_in_query: parameter of a GET": (
        GRANT + "values: {my_secret: {env: CRM_SECRET}}\ntoken_request: {method: GET, params: [{key: s, value: '${values.my_secret}'}]}\n",
        [f"token_request.params[0].value: values.my_secret {URL}"],
    ),
    "secret_in_query: name of a parameter": (
        GRANT + "token_request: {params: [{key: api_key, value: '${env:CRM_SECRET}', in: query}]}\n",
        [f"token_request.params[0].value: env:CRM_SECRET {URL}"],
    ),
    "secret_in_query: parameter of a step": (
        LOGIN + "steps: [{token_url: 'https://a.example', token_request: {params: [{key: p, value: '${password}', in: query}]}}]\n",
        [f"steps[0].token_request.params[0].value: password {URL}"],
    ),
    "secret_in_query: URL": (GRANT.replace("/token", "/?s=${client_secret}"), [f"token_url: client_secret {URL}"]),
    "secret_in_query: name in the URL": (GRANT.replace("/token", "/?tenant=a&api_key=hunter22"), [f"token_url: a secret {URL}"]),
    "secret_in_query: key": (
        "type: secure_parameter\nvalue: {env: CRM_SECRET}\ntoken_placement: {query: key}\n",
        [f"token_placement.query: the key {URL}; a header is safer where the API takes one"],
    ),
    "literal_secret: parameter": (
        GRANT + "token_request: {params: [{key: api_key, value: hunter22}, {key: token_type, value: jwt}]}\n",
        [f"token_request.params[0].value: {CLEAR}"],
    ),
    "literal_secret: body": (
        LOGIN + "token_request: {body: {user: u, login: [{password: hunter22}], secret: '${password}', key: ''}, content_type: json}\n",
        [f"token_request.body.login[0].password: {CLEAR}"],
    ),
    "doubled_prefix": (
        "type: secure_parameter\nvalue: 'Bearer ${env:CRM_SECRET}'\n",
        ['value: it begins with what token_placement.prefix puts before it; take that out, or say token_placement: {prefix: ""}'],
    ),
    "certificate_ends": (
        SIGNED + "certificate: {file: ending}\ntoken_request: {tls: {cert: ending, key: key}}\n",
        [f"{key}: the certificate has expired, on 2026-01-31; renew it" for key in ("certificate", "token_request.tls.cert")],
    ),
    "unused_key": (
        GRANT + "client_auth: client_secret_post\nbasic_encoding: raw\n",
        ["basic_encoding: it holds for client_secret_basic, and client_auth is client_secret_post"],
    ),
    "unused_secret": (PUBLIC, ["client_secret: it is not sent: client_auth is none"]),
    "rotated_refresh_token": (
        RENEWED,
        [f"refresh_token: {ROTATED}"],
    ),
}


@pytest.mark.parametrize(("credential", "expected"), FOUND.values(), ids=FOUND)
def test_a_habit_that_ends_badly_is_told(loaded: Loaded, write: Write, credential: str, expected: list[str]) -> None:
    """Once, at the key that it is about, and the configuration is used."""
    write("open", "x").chmod(0o644)
    loaded(GRANT)
    write("open-key", Path("key").read_bytes()).chmod(0o644)
    write("ending", certificate_over(Path("key").read_bytes(), datetime(2026, 1, 31, tzinfo=UTC)))

    assert [re.sub(r"^\S+: credentials\.crm\.", "", warning) for warning in loaded(credential).warnings] == expected


SILENT = {
    "a whole configuration": GRANT,
    "a value that is no secret": GRANT + "values: {tenant: y}\n",
    "a secret made of others": GRANT.replace("{env: CRM_SECRET}", "'a-${env:CRM_SECRET}'"),
    "a certificate, which is none": f"{SIGNED}certificate: {{file: certificate}}\n",
    "cleartext on loopback": GRANT.replace("https://login.example", "http://127.0.0.1:1"),
    "a secret in a template": PUBLIC + "token_request: {body: {s: '${client_secret}'}}\n",
    "a refresh token that stays": RENEWED + "token_response: {refresh_token: null}\n",
    "a key without what is put before it": "type: secure_parameter\nvalue: 'Bearer x-${env:CRM_SECRET}'\ntoken_placement: {prefix: ''}\n",
    "a tenant from a variable": GRANT
    + "values: {t: {env: CRM_SECRET}}\ntoken_request: {params: [{key: tenant, value: '${values.t}', in: query}]}\n",
    "a short token": GRANT + "lifetime: {fixed: 2s}\n",
}


@pytest.mark.parametrize("credential", SILENT.values(), ids=SILENT)
def test_what_is_well_brings_no_warning(loaded: Loaded, credential: str) -> None:
    """A warning that is no reason to act hides those that are."""
    assert loaded(credential).warnings == ()


ROUTES = {
    "literal_secret: header": (
        "upstream: 'https://api.example', inject: {headers: {X-Env: prod, X-Api-Key: hunter22}}",
        f"inject.headers.X-Api-Key: {CLEAR}",
    ),
    "literal_secret: Cookie": (
        "upstream: 'https://api.example', inject: {headers: {Cookie: a=hunter2}}",
        f"inject.headers.Cookie: {CLEAR}",
    ),
    "secret_in_query: injected": (
        "upstream: 'https://api.example', inject: {query: {api_key: '${env:CRM_SECRET}'}}",
        f"inject.query.api_key: a secret {URL}",
    ),
    "certificate_ends": (
        "upstream: 'https://api.example', tls: {cert: ending, key: key}",
        "tls.cert: the certificate has expired, on 2026-01-31; renew it",
    ),
    "cleartext": ("upstream: 'http://api.example', allow_plaintext: true", "upstream: http shows the token and everything else on the way"),
    "unreachable_route": (
        "upstream: 'https://api.example'",
        "prefix: no request comes here: a path with a dot segment in it is refused before it is routed",
    ),
    "readable_key": (
        "upstream: 'https://api.example', tls: {cert: certificate, key: open-key}",
        "tls.key: every user of this machine can read open-key; chmod o-r",
    ),
}


@pytest.mark.parametrize(("rule", "route", "text"), [(rule.partition(":")[0], *case) for rule, case in ROUTES.items()])
def test_a_route_s_habits_are_told(loaded: Loaded, write: Write, rule: str, route: str, text: str) -> None:
    """As a credential's are."""
    loaded(GRANT)
    write("open-key", Path("key").read_bytes()).chmod(0o644)
    write("ending", certificate_over(Path("key").read_bytes(), datetime(2026, 1, 31, tzinfo=UTC)))
    prefix = "/a%2f..%2fb" if rule == "unreachable_route" else "/a"

    warnings = load([write("proxy.yaml", f"routes: [{{prefix: {prefix}, credential: none, {route}}}]\n")]).warnings

    assert [re.sub(r"^\S+: routes\[0\]\.", "", warning) for warning in warnings] == [text]


def test_the_password_of_a_proxy_is_a_secret(write: Write) -> None:
    """Of the one for all and of a route's own, in clear or in a file for all."""
    write("open", "x").chmod(0o644)
    proxy = "{url: 'http://p.example:1', username: u, password: {file: open}}"
    route = f"routes: [{{prefix: /, credential: none, upstream: 'https://a.example', proxy: {proxy}}}]\n"

    warnings = load([write("proxy.yaml", route + "egress: {proxy: 'http://p.example:1', username: u, password: hunter2}\n")]).warnings

    assert [warning.partition(": ")[2] for warning in warnings] == [
        "routes[0].proxy.password: every user of this machine can read open; chmod o-r",
        f"egress.password: {CLEAR}",
    ]


def test_what_a_preset_decides_is_not_told(loaded: Loaded) -> None:
    """Nobody can change it; what the user writes anew is told again."""
    marketo = "provider: marketo\nvalues: {munchkin: 123-ABC-456}\nclient_id: a\nclient_secret: {env: CRM_SECRET}\n"

    assert loaded(marketo).warnings == ()
    assert [told.rule for told in loaded(marketo + "token_request: {method: GET}\n").warnings] == ["secret_in_query"]


def test_an_alias_that_another_takes_is_used(loaded: Loaded) -> None:
    """Only the one that nobody names is told."""
    static = "{type: secure_parameter, value: {env: CRM_SECRET}}"
    exchange = f"type: oauth2_token_exchange\n{CLIENT}subject_token: {{from: b}}\n"

    assert loaded(exchange, more=f"b: {static}\nc: {static}\n").warnings == ("security-material.yaml:9:3: credentials.c: no route uses it",)


def test_every_rule_is_documented_and_tested() -> None:
    """docs/configuration.md lists the rules as they are, and each has a case here."""
    listed = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", DOCS.read_text(encoding="utf-8").partition("warns of\n")[2], re.MULTILINE)
    cases = {name.partition(":")[0] for name in (*FOUND, *ROUTES)} | {"unused_credential", "proxy_password"}

    assert listed == list(RULES)
    assert cases == RULES.keys()
