"""Rules of a token request, its answer, and where the token goes."""

from __future__ import annotations

import pytest

from tests.unit.settings.conftest import CLIENT, GRANT, TOKEN_URL, Told

ELSEWHERE = "a token that is bound by dpop goes to Authorization, behind `DPoP` (RFC 9449 section 7.1)"
LINES = "a header's value is ASCII without a line end or control character"
ROOT = "an XML request is written as `body`, a mapping whose one key is the root element"

BROKEN = {
    "a parameter beside the body": (
        "token_request: {body: {a: 1}, params: [{key: a, value: b}, {key: c, value: d, in: query}]}",
        ["token_request.params[0]: `body` stands in place of every parameter in the body; write this one into it, or say in: query"],
    ),
    "XML without a body": ("token_request: {content_type: xml}", [f"token_request.content_type: {ROOT}"]),
    "XML with two roots": (
        "token_request: {content_type: xml, body: {a: 1, b: 2}}",
        ["token_request.body: an XML body is a mapping with one name, its root element"],
    ),
    "a form that is a list": (
        "token_request: {body: [1]}",
        ["token_request.body: expected a mapping of keys: the body is a form"],
    ),
    "a header of ours": (
        "token_request: {params: [{key: Content-Length, value: b, in: header}, {key: a b, value: b, in: header}]}",
        ["token_request.params[0].key: bearerd sets this header itself", "token_request.params[1].key: not a header name"],
    ),
    "lines in a header": (
        'token_request: {params: [{key: A, value: "a\\nb", in: header}]}\ntoken_placement: {prefix: "a\\nb"}',
        [f"token_request.params[0].value: {LINES}", f"token_placement.prefix: {LINES}"],
    ),
    "lines in a header that is made": (
        'token_placement: {value: "${token}\\n"}',
        [f"token_placement.value: {LINES}"],
    ),
    "half a client certificate": (
        "token_request: {tls: {cert: certificate}}",
        ["token_request.tls.key: `cert` needs its `key`"],
    ),
    "a certificate that is not there": (
        "token_request: {tls: {cert: nowhere, key: key}}",
        ["token_request.tls.cert: nowhere: No such file or directory"],
    ),
    "a proxy of another kind": (
        "token_request: {proxy: 'https://p.example'}",
        ["token_request.proxy: an egress proxy is http://host:port"],
    ),
    "no time": ("token_request: {timeout: 0}", ["token_request.timeout: 0 lets nothing pass; give a longer time"]),
    "no lifetime": ("lifetime: {fixed: 0}", ["lifetime.fixed: 0 lets nothing pass; give a longer time"]),
    "an upstream of any host": (
        "token_response: {upstream: url}",
        ["allowed_hosts: this key is missing; token_response.upstream may name these hosts alone"],
    ),
    "no host": (
        "allowed_hosts: [api.example, 'https://a.example']",
        ["allowed_hosts[1]: expected a host such as api.example.com or *.example.com, without scheme and port"],
    ),
    "a path of another tool": (
        "token_response: {access_token: $.data.token}",
        ["token_response.access_token: expected names and numbers with dots between: write data.token"],
    ),
    "two places": (
        "token_placement: {query: 'a b', header: X}",
        [
            "token_placement.query: not the name of a query parameter",
            "token_placement.header: said together with `query`; a token goes to one place",
        ],
    ),
    "a prefix before a whole": (
        "token_placement: {prefix: a, value: b}",
        ["token_placement.prefix: said together with `value`, which is the whole header; write it into that"],
    ),
    "a header of the connection": ("token_placement: {header: Host}", ["token_placement.header: bearerd sets this header itself"]),
    "bound and in the query": ("dpop: true\ntoken_placement: {query: a}", [f"token_placement: {ELSEWHERE}"]),
    "bound and with a prefix": ("dpop: true\ntoken_placement: {prefix: a}", [f"token_placement: {ELSEWHERE}"]),
    "scopes run together": (
        "scope_separator: ''",
        ['scope_separator: an empty one would run the scopes together; it is " " where the key is left out'],
    ),
}


@pytest.mark.parametrize(("more", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_rule_that_is_broken_is_told_at_the_key_that_repairs_it(told: Told, more: str, expected: list[str]) -> None:
    """One sentence per rule, at its key."""
    assert told(f"{GRANT}{more}\n") == expected


def test_the_rules_hold_for_every_call_of_an_exchange(told: Told) -> None:
    """Steps and refreshes are requests like the last one."""
    steps = f"steps: [{{{TOKEN_URL.strip()}, token_request: {{content_type: xml}}}}]\n"
    refresh = "refresh: {token_request: {content_type: xml}}\n"

    assert told(f"type: login_token\n{TOKEN_URL}{steps}{refresh}") == [
        f"steps[0].token_request.content_type: {ROOT}",
        f"refresh.token_request.content_type: {ROOT}",
    ]


OWNER = f"type: oauth2_password\n{CLIENT}username: u\npassword: {{env: CRM_SECRET}}\n"
XML = "token_request: {content_type: xml, body: {login: {u: '${username}'}}}\n"
NO_REFRESH = "this key is missing; `body` says no refresh: write one, or token_response: {refresh_token: null} where none comes"


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (OWNER + XML, [f"refresh.token_request: {NO_REFRESH}"]),
        (OWNER + XML + "token_response: {refresh_token: null}\n", []),
        (OWNER + XML + "refresh: {token_request: {content_type: form}}\n", []),
        (GRANT + "token_request: {content_type: xml, body: {a: b}}\n", []),
        (f"type: login_token\n{TOKEN_URL}token_request: {{content_type: xml, body: {{a: b}}}}\n", []),
        (
            f"type: oauth2_token_exchange\n{CLIENT}subject_token: {{header: X}}\ntoken_request: {{content_type: xml, body: {{a: b}}}}\n",
            [],
        ),
    ],
)
def test_xml_says_how_it_is_refreshed(told: Told, credential: str, expected: list[str]) -> None:
    """A refresh that could not be written would be found out when the first token ends."""
    assert told(credential) == expected


POST = GRANT + "client_auth: client_secret_post\n"
PLACELESS = "it stands in place of every parameter"
BY_NAME = f"{PLACELESS}; write ${{client_secret}} into it, or client_auth: client_secret_basic"


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (POST + "token_request: {content_type: json, body: {x: 1}}\n", [f"token_request.body: {BY_NAME}"]),
        (POST + "token_request: {content_type: json, body: {s: '${client_secret}'}}\n", []),
        (POST + "token_request: {content_type: json, body: {s: {env: CRM_SECRET}}}\n", []),
        (GRANT + "token_request: {content_type: json, body: {x: 1}}\n", []),
        (
            GRANT + "client_auth: client_secret_jwt\ntoken_request: {body: {s: '${client_secret}'}}\n",
            [f"token_request.body: {PLACELESS}, and client_auth client_secret_jwt proves itself by one"],
        ),
        (
            OWNER + "client_auth: client_secret_post\nrefresh: {token_request: {body: {r: '${refresh_token}'}}}\n",
            [f"refresh.token_request.body: {BY_NAME}"],
        ),
    ],
)
def test_a_body_does_not_drop_the_client_s_proof(told: Told, credential: str, expected: list[str]) -> None:
    """A request without the proof that client_auth says would be refused, and nobody would see why."""
    assert told(credential) == expected


@pytest.mark.parametrize(("hosts", "expected"), [("[api.example]", []), ("['*.example']", []), ("[]", [])])
def test_a_route_goes_where_its_token_may_go(told: Told, hosts: str, expected: list[str]) -> None:
    """A host among the allowed ones, or no list at all."""
    assert told(f"{GRANT}allowed_hosts: {hosts}\n") == expected


def test_a_route_elsewhere_is_refused(told: Told) -> None:
    """The token of an alias that names its hosts goes nowhere else."""
    assert told(f"{GRANT}allowed_hosts: [a.example, '*.b.example']\n") == [
        "routes[0].upstream: the credential goes to a.example or *.b.example alone; change this, or allowed_hosts of crm"
    ]
