"""Odd token endpoints, as real vendors have them: each can be said in the vocabulary of a credential, and in few lines.

One entry for every shape that was counted over 173 vendors; what an entry makes on the wire is tested where the grants are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from textwrap import dedent, indent

import pytest

from proxy.settings import load
from tests.fakes.vendors.keys import private_key

Write = Callable[[str, str | bytes], Path]

CLIENT = """\
token_url: https://login.acme.example/token
client_id: erp
client_secret: {env: CRM_SECRET}
"""
LOGIN = """\
type: login_token
token_url: https://api.acme.example/login
"""
GRANT = f"type: oauth2_client_credentials\n{CLIENT}"
SHAPES = {
    "as the RFC says": GRANT,
    "secret in the body": GRANT + "client_auth: client_secret_post",
    "JSON body": GRANT + "client_auth: client_secret_post\ntoken_request: {content_type: json}",
    "everything in the query": GRANT + "client_auth: client_secret_post\ntoken_request: {method: GET}",
    "grant type in the query": GRANT + "token_request: {grant_type_in: query}",
    "query kept in the URL": GRANT.replace("/token", "/token?api-version=2"),
    "Basic without encoding": GRANT + "basic_encoding: raw",
    "extra headers": GRANT + 'token_request: {params: [{key: X-Api-Key, value: "${env:CRM_SECRET}", in: header}]}',
    "a random id in a header": GRANT + 'token_request: {params: [{key: X-Correlation-Id, value: "${random}", in: header}]}',
    "extra parameters": GRANT + "token_request: {params: [{key: account_id, value: 42}, {key: realm, value: acme, in: query}]}",
    "comma between scopes": GRANT + 'scope: [orders, stock]\nscope_separator: ","',
    "another grant type": GRANT + "grant_type: account_credentials",
    "audience": GRANT + "audience: https://api.acme.example",
    "several resources": GRANT + "resource: [https://a.acme.example, https://b.acme.example]",
    "milliseconds": GRANT + "token_response: {expires_in_unit: ms}",
    "minutes at another path": GRANT + "token_response: {access_token: data.token, expires_in: data.ttl, expires_in_unit: min}",
    "a time of expiry": GRANT + "token_response: {access_token: token, expires_at: expires_at}",
    "no expiry": GRANT + "lifetime: {fixed: 20m}",
    "another header": GRANT + "token_placement: {header: x-acme-access-token}",
    "bare Authorization": GRANT + 'token_placement: {prefix: ""}',
    "another scheme": GRANT + 'token_placement: {prefix: "Token "}',
    "token in the query": GRANT + "token_placement: {query: access_token}",
    "token in Basic": GRANT + 'token_placement: {value: "Basic ${base64(${client_id}:${token})}"}',
    "host in the answer": GRANT + 'token_response: {upstream: instance_url}\nallowed_hosts: ["*.acme.example"]',
    "tenant in the URL": GRANT.replace("login", "${values.tenant}") + "values: {tenant: eu1}",
    "private key": """\
        type: oauth2_client_credentials
        token_url: https://login.acme.example/token
        client_id: erp
        client_auth: private_key_jwt
        private_key: {file: key.pem}
        assertion: {alg: RS256, kid: erp-2026}
        """,
    "password": f"type: oauth2_password\n{CLIENT}username: erp\npassword: {{env: CRM_SECRET}}",
    "refresh token": f"type: oauth2_refresh_token\n{CLIENT}refresh_token: {{env: CRM_SECRET}}",
    "JWT bearer": """\
        type: oauth2_jwt_bearer
        token_url: https://login.acme.example/token
        client_id: erp
        private_key: {file: key.pem}
        assertion: {subject: erp@acme.example, claims: {scope: orders}}
        """,
    "API key": "type: secure_parameter\nvalue: {env: CRM_SECRET}\ntoken_placement: {header: X-Api-Key}",
    "user and password": "type: user_credentials\nusername: erp\npassword: {env: CRM_SECRET}",
    "login by JSON": LOGIN
    + """\
username: erp
password: {env: CRM_SECRET}
token_request: {content_type: json, body: {user: "${username}", pass: "${password}"}}
token_response: {access_token: data.session.token}
""",
    "login by a form, the token is the answer": LOGIN
    + """\
token_request: {params: [{key: api_key, value: "${env:CRM_SECRET}"}]}
token_response: {access_token: $}
lifetime: {fixed: 30m}
""",
    "login by XML": LOGIN
    + """\
values: {key: {env: CRM_SECRET}}
token_request: {content_type: xml, body: {login: {"@version": "2", key: "${values.key}"}}}
token_response: {access_token: session.token}
token_placement: {header: X-Session}
""",
    "cookies": LOGIN
    + """\
username: erp
password: {env: CRM_SECRET}
token_request: {content_type: json, body: {UserName: "${username}", Password: "${password}"}}
token_response: {access_token: cookies}
token_placement: {header: Cookie}
""",
    "token in an answer's header": LOGIN
    + """\
username: erp
password: {env: CRM_SECRET}
token_request: {params: [{key: Authorization, value: "Basic ${base64(${username}:${password})}", in: header}]}
token_response: {access_token: "header:X-Subject-Token"}
token_placement: {header: X-Auth-Token}
""",
    "two steps": LOGIN
    + """\
values: {key: {env: CRM_SECRET}}
steps: [{token_url: https://api.acme.example/challenge, token_request: {method: GET}, values: {nonce: data.nonce}}]
token_request: {content_type: json, body: {proof: "${sha256_hex(${step1.nonce}${values.key})}"}}
token_response: {access_token: token}
""",
    "refresh at another URL": LOGIN
    + """\
values: {key: {env: CRM_SECRET}}
token_request: {content_type: json, body: {key: "${values.key}"}}
refresh: {token_url: https://api.acme.example/refresh, token_request: {content_type: json, body: {refresh: "${refresh_token}"}}}
token_response: {access_token: access, refresh_token: refresh, expires_in: ttl}
""",
    "a time in the request": LOGIN
    + """\
values: {key: {env: CRM_SECRET}}
token_request: {content_type: json, body: {key: "${values.key}", until: "${now+7d:%Y-%m-%d}"}}
token_response: {access_token: token}
""",
}

WARNED = {"everything in the query", "password", "refresh token"}


def written(shape: str) -> str:
    """The credential as a user writes it, its alias first."""
    return f"acme:\n{indent(dedent(SHAPES[shape]).strip(), '  ')}\n"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_vocabulary_says_it(shape: str, write: Write) -> None:
    """It loads, and nothing is warned of but what the shape itself has."""
    write("key.pem", private_key()).chmod(0o600)
    route = "routes: [{prefix: /acme, upstream: https://api.acme.example, credential: acme}]\n"

    loaded = load([write("proxy.yaml", f"{route}credentials:\n{indent(written(shape), '  ')}")])

    assert (list(loaded.credentials), len(loaded.warnings)) == (["acme"], shape in WARNED)


def test_the_median_is_eight_lines_or_fewer() -> None:
    """Over all shapes, alias line included."""
    assert median(len(written(shape).splitlines()) for shape in SHAPES) <= 8
