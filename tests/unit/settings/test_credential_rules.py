"""Rules of a credential: its endpoint, the client's proof, whose tokens it takes."""

from __future__ import annotations

from typing import get_args

import pytest

from proxy.oauth.client_auth import ClientAuthName
from proxy.settings.credential_rules import sources_of
from proxy.settings.providers import names
from proxy.settings.words import either
from tests.unit.settings.conftest import CLIENT, GRANT, TOKEN_URL, Loaded, Told

NO_AUTH = f"type: oauth2_client_credentials\n{TOKEN_URL}client_id: erp\n"
ASSERTED = f"type: oauth2_jwt_bearer\n{TOKEN_URL}client_id: erp\n"
LOGIN = f"type: login_token\n{TOKEN_URL}"
EXCHANGED = f"type: oauth2_token_exchange\n{CLIENT}"
LOOP = "b: {type: oauth2_token_exchange, token_url: 'https://b.example', client_auth: none, subject_token: {from: crm}}\n"
FURTHER = LOOP.replace("{from: crm}", "{from: c}") + LOOP.replace("b:", "c:", 1)
USER = "b: {type: user_credentials, username: u, password: {env: CRM_SECRET}}\n"
BASIC = "this key is missing; client_auth client_secret_basic needs it"
PLACE = "write {env: NAME} or {file: PATH}"
ROTATED = "{current: {env: CRM_SECRET}, next: {env: CRM_SECRET}}"
NEVER = "no refusal leads to `next` here; it is tried for client_secret, private_key or password of a token request"
WAIT = "the two wait for each other's token: that credential takes this one's, by `from`"

TLS = "token_request: {tls: {cert: PATH, key: PATH}}"
SIGNING = "; certificate and private_key sign assertions"
METHODS = get_args(ClientAuthName)
BROKEN = {
    "a value that no template can name": (
        GRANT + "values: {a b: x}\n",
        ["values.'a b': a value's name is made of letters, digits, `_` and `-`, and does not begin with a digit"],
    ),
    "a preset that is not there": (
        "provider: salesforc\nclient_id: a\n",
        [f"provider: expected {either(names())}; did you mean salesforce?"],
    ),
    "two endpoints": (GRANT + "issuer: https://a.example\n", ["issuer: said together with token_url; say one of them"]),
    "issuer with a query": (
        GRANT.replace("token_url: https://login.example/token", "issuer: https://a.example/?x=1"),
        ["issuer: an issuer has no query (RFC 8414 section 2); take it out"],
    ),
    "issuer in cleartext": (
        GRANT.replace("token_url: https://login.example/token", "issuer: http://a.example"),
        ["issuer: http shows everything on the way; write https, or allow_plaintext: true"],
    ),
    "query that no request line carries": (
        GRANT.replace("/token", "/token?a=b c"),
        ["token_url: its query holds a character that must be percent-encoded; ${urlencode(...)} does so"],
    ),
    "a refresh in cleartext": (
        f"type: oauth2_refresh_token\n{CLIENT}refresh_token: {{env: CRM_SECRET}}\nrefresh: {{token_url: 'http://a.example'}}\n",
        ["refresh.token_url: http shows everything on the way; write https, or allow_plaintext: true"],
    ),
    "a step in cleartext": (
        f"type: login_token\n{TOKEN_URL}steps: [{{token_url: 'http://a.example'}}]\n",
        ["steps[0].token_url: http shows everything on the way; write https, or allow_plaintext: true"],
    ),
    "a refresh that waits for a step": (
        LOGIN.replace("/token", "/${step1.x}") + "steps: [{token_url: 'https://a.example'}]\nrefresh: {token_request: {}}\n",
        ["refresh.token_url: this key is missing; a refresh calls no step, and token_url needs the answer of one"],
    ),
    "a host of an answer": (
        LOGIN.replace("https://login.example", "${step1.url}") + f"steps: [{{{TOKEN_URL.strip()}}}]\n",
        ["allowed_hosts: this key is missing; an answer says which host token_url leads to, and it may be one of these alone"],
    ),
    "a step's host of an answer": (
        LOGIN + f"steps: [{{{TOKEN_URL.strip()}}}, {{token_url: 'https://${{step1.host}}/'}}]\nallowed_hosts: []\n",
        ["allowed_hosts: this key is missing; an answer says which host steps[1].token_url leads to, and it may be one of these alone"],
    ),
    "an assertion for whom a step knows": (
        LOGIN.replace("/token", "/${step1.x}")
        + f"steps: [{{{TOKEN_URL.strip()}}}]\nprivate_key: {{file: key}}\nclient_id: a\ntoken_request: {{body: {{a: '${{assertion}}'}}}}\n",
        ["assertion.audience: this key is missing; an assertion is made before any step, and token_url needs an answer"],
    ),
    "a login that proves a key": (
        LOGIN + "dpop: true\n",
        ["dpop: a vendor's own login binds no token to a key (RFC 9449); take it out, or use a type of OAuth"],
    ),
    "a second secret that is never tried": (
        f"{GRANT}values: {{key: {ROTATED}}}\ntoken_request: {{params: [{{key: a, value: {ROTATED}}}]}}\n",
        [
            f"values.key: {NEVER}",
            f"token_request.params: {NEVER}",
        ],
    ),
    "a second key of no endpoint": (f"type: secure_parameter\nvalue: {ROTATED}\n", [f"value: {NEVER}"]),
    "a second password of no endpoint": (f"type: user_credentials\nusername: u\npassword: {ROTATED}\n", [f"password: {NEVER}"]),
    "no secret, but a key": (
        NO_AUTH + "private_key: {file: key}\n",
        [
            f"client_secret: {BASIC}: {PLACE}; or change client_auth to private_key_jwt, which signs with private_key",
        ],
    ),
    "no secret, with a method that was said": (
        NO_AUTH + "client_auth: client_secret_post\n",
        ["client_secret: this key is missing; client_auth client_secret_post needs it: write {env: NAME} or {file: PATH}"],
    ),
    "no key": (
        NO_AUTH + "client_auth: private_key_jwt\n",
        ["private_key: this key is missing; client_auth private_key_jwt needs it, or client_assertion"],
    ),
    "no certificate": (
        NO_AUTH + "client_auth: self_signed_tls_client_auth\n",
        [f"token_request.tls.cert: this key is missing; client_auth self_signed_tls_client_auth needs it: write {TLS}"],
    ),
    "a key that signs assertions in place of the certificate": (
        NO_AUTH + "client_auth: tls_client_auth\nprivate_key: {file: key}\n",
        [f"token_request.tls.cert: this key is missing; client_auth tls_client_auth needs it: write {TLS}{SIGNING}"],
    ),
    "a client_auth of another tool": (
        "type: oauth2_client_credentials\ntoken_url: https://login.example/token\nclient_id: a\nclient_auth: mtls\n",
        [f"client_auth: expected {', '.join(METHODS[:-1])} or none; did you mean tls_client_auth?"],
    ),
    "no name": (
        f"{EXCHANGED}subject_token: {{header: X}}\n".replace("client_id: erp\n", ""),
        ["client_id: this key is missing; client_auth client_secret_basic needs it"],
    ),
    "nothing to assert with": (
        ASSERTED.replace("client_id: erp\n", ""),
        [
            "private_key: this key is missing; the assertion is signed with it, unless assertion.from takes another token",
            "assertion.issuer: this key is missing; an assertion says who made it, by this key or by client_id",
        ],
    ),
    "two assertions": (
        ASSERTED + "assertion: {from: b, header: X}\n",
        ["assertion.from: no credential 'b'", "assertion.header: said together with `from`; say one of them"],
    ),
    "an assertion in no header": (ASSERTED + "assertion: {header: X Y}\n", ["assertion.header: not a header name"]),
    "an assertion where none is sent": (
        GRANT + "assertion: {from: crm}\n",
        ["assertion.from: it belongs to a credential of type oauth2_jwt_bearer or login_token"],
    ),
    "its own token": (ASSERTED + "assertion: {from: crm}\n", ["assertion.from: a credential does not take its own token"]),
    "a token that is none": (
        ASSERTED + "assertion: {from: b}\n",
        ["assertion.from: that credential is a name and a password, not a token"],
        USER,
    ),
    "a token for what nobody presents": (
        EXCHANGED + "subject_token: {from: b}\n",
        ["subject_token.from: that credential's token is for what a caller presents in a header, and nobody presents it here"],
        LOOP.replace("{from: crm}", "{header: X}"),
    ),
    "two that wait": (ASSERTED + "assertion: {from: b}\n", [f"assertion.from: {WAIT}", f"credentials.b.subject_token.from: {WAIT}"], LOOP),
    "three that wait": (
        ASSERTED + "assertion: {from: b}\n",
        [f"assertion.from: {WAIT}", f"credentials.b.subject_token.from: {WAIT}", f"credentials.c.subject_token.from: {WAIT}"],
        FURTHER,
    ),
    "no subject": (
        EXCHANGED + "subject_token: {}\n",
        ["subject_token.from: this key is missing; `from` names another alias, or `header` one of the incoming request"],
    ),
    "two actors": (
        EXCHANGED + "subject_token: {header: A B}\nactor_token: {from: b, header: X}\n",
        ["subject_token.header: not a header name", "actor_token.header: said together with `from`; say one of them"],
        USER.replace("user_credentials, username: u, password:", "secure_parameter, value:"),
    ),
    "a user with a colon": (
        "type: user_credentials\nusername: 'a:b'\npassword: {env: CRM_SECRET}\n",
        ["username: the name has a colon, which HTTP Basic takes for its end (RFC 7617 section 2)"],
    ),
    "a key of two lines": (
        "type: secure_parameter\nvalue: |\n  a\n",
        ["value: the secret has a line end in it; a token or key is one line"],
    ),
    "keys of other types": (
        GRANT + "password: x\nvalue: x\n",
        [
            "password: unknown key; it belongs to a credential of type oauth2_password, login_token or user_credentials",
            "value: unknown key; it belongs to a credential of type secure_parameter",
        ],
    ),
    "a key of all types but this": (
        "type: secure_parameter\nvalue: {env: CRM_SECRET}\nscope: [a]\n",
        ["scope: unknown key; it belongs to a credential whose token comes from an endpoint, such as oauth2_client_credentials"],
    ),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_rule_that_is_broken_is_told_at_the_key_that_repairs_it(
    told: Told, case: tuple[str, list[str]] | tuple[str, list[str], str]
) -> None:
    """One sentence per rule, at its key."""
    credential, expected, *more = case

    assert told(credential, "", *more) == expected


GOOD = {
    "secret of a public client": NO_AUTH + "client_auth: none\n",
    "another's proof": NO_AUTH.replace(
        "client_id: erp\n", "client_id: erp\nclient_assertion: {file: secret}\nclient_auth: private_key_jwt\n"
    ),
    "cleartext on loopback": GRANT.replace("https://login.example", "http://127.0.0.1:1"),
    "a host that only a step knows": LOGIN.replace("https://login.example", "${step1.url}")
    + f"steps: [{{{TOKEN_URL.strip()}}}]\nallowed_hosts: [api.example, login.example]\n",
    "a path of an answer": LOGIN.replace("/token", "/${step1.x}") + f"steps: [{{{TOKEN_URL.strip()}}}]\n",
    "two secrets": GRANT.replace("{env: CRM_SECRET}", ROTATED),
    "two passwords": f"type: oauth2_password\n{CLIENT}username: u\npassword: {ROTATED}\n",
    "two keys": ASSERTED + "private_key: {current: {file: key}, next: {file: key}}\n"
    "certificate: {current: {file: certificate}, next: {file: certificate}}\n",
    "a secret in the query": LOGIN.replace("/token", "/?key=${urlencode(${values.key})}") + "values: {key: {file: secret}}\n",
    "the caller's assertion": ASSERTED + "assertion: {header: X-Assertion}\n",
    "a session from another token": LOGIN + "assertion: {from: b}\ntoken_request: {body: {a: '${assertion}'}}\n",
}


@pytest.mark.parametrize("credential", GOOD.values(), ids=GOOD)
def test_what_breaks_no_rule_loads(told: Told, credential: str) -> None:
    """A rule refuses nothing that works."""
    assert told(credential, "", "b: {type: secure_parameter, value: {env: CRM_SECRET}}\n") == []


@pytest.mark.parametrize(("more", "method"), [("", "none"), ("client_secret: {env: CRM_SECRET}\n", "client_secret_basic")])
def test_an_assertion_speaks_for_the_client(loaded: Loaded, more: str, method: str) -> None:
    """RFC 7521 §4.1: a client without a secret sends no client authentication beside its assertion."""
    endpoint = loaded(ASSERTED + "private_key: {file: key}\n" + more).credentials["crm"].endpoint

    assert endpoint is not None
    assert endpoint.client_auth == method


def test_who_takes_whose_token(loaded: Loaded) -> None:
    """The aliases are found under every key that may name one."""
    static = "b: {type: secure_parameter, value: {env: CRM_SECRET}}\n"
    grant = loaded(EXCHANGED + "subject_token: {from: b}\nactor_token: {header: X}\n", more=static).credentials
    values = {"subject_token": getattr(grant["crm"].grant, "subject_token", None)}

    assert sources_of(values) == {"subject_token.from": "b"}
