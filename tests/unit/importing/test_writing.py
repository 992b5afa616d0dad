"""The YAML: readable, commented, the same each time, and without a secret."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.importing.entries import Entry, Held, Left
from proxy.importing.writing import Places, write

CRM = Entry(
    "OAuth2ClientCredentials",
    "CRM prod",
    {
        "client_auth": "client_secret_post",
        "type": "oauth2_client_credentials",
        "scope": ["a", "b"],
        "client_secret": Held("client_secret", "hunter2"),
    },
    {"upstream": "https://api.example", "inject": {"headers": {"X-Key": Held("inject_X-Key", "hunter2", "text")}}},
    (Left("apiKey", '"x"', "because"), Left("WebIDEUsage", "", "of nothing", matters=False)),
    ("take care",),
)
CODE = Entry(
    "OAuth2AuthorizationCode",
    "Code",
    {"type": "oauth2_refresh_token", "refresh_token": Held("refresh_token", "hunter2")},
    blocked="no consent",
)
OPEN = Entry("NoAuthentication", "ui5", None, {"upstream": "https://ui5.example"})
TEXT = """\
# Written by `bearerd import cpi`; docs/import.md says what became of each key.
# a note

credentials:

  # OAuth2ClientCredentials "CRM prod"
  # take care
  CRM-prod:
    type: oauth2_client_credentials
    client_secret: {env: CRM_PROD_CLIENT_SECRET}
    client_auth: client_secret_post
    scope: [a, b]
  # Not translated:
  #   apiKey: "x"
  #     because
  # Of no meaning here:
  #   WebIDEUsage
  #     of nothing
  # Its route, for the file of the routes:
  #   - prefix: /CRM-prod
  #     name: CRM-prod
  #     upstream: https://api.example
  #     credential: CRM-prod
  #     inject:
  #       headers:
  #         X-Key: {env: CRM_PROD_INJECT_X_KEY}

  # OAuth2AuthorizationCode "Code"
  # Not translated: no consent.
  # As far as it is known:
  #   Code:
  #     type: oauth2_refresh_token
  #     refresh_token: {env: CODE_REFRESH_TOKEN}

  # NoAuthentication "ui5"
  # Its route, for the file of the routes:
  #   - prefix: /ui5
  #     name: ui5
  #     upstream: https://ui5.example
  #     credential: none
"""
ROUTES = """\
# Written by `bearerd import cpi`; docs/import.md says what became of each key.
version: 1
security_material: [../material.yaml]
routes:
  - prefix: /CRM-prod
    name: CRM-prod
    upstream: https://api.example
    credential: CRM-prod
    inject:
      headers:
        X-Key: {env: CRM_PROD_INJECT_X_KEY}
  - prefix: /ui5
    name: ui5
    upstream: https://ui5.example
    credential: none
"""


def test_the_text() -> None:
    """Credentials in the order of the export, in a reader's order of keys, each with what stayed behind and its route."""
    assert write("cpi", [CRM, CODE, OPEN], ["a note"], Places()).material == TEXT


def test_the_routes() -> None:
    """Routes in a file of their own, which names the material."""
    written = write("cpi", [CRM, CODE, OPEN], [], Places(material="../material.yaml", routes_apart=True))
    assert written.routes == ROUTES
    assert "Its route" not in written.material


def test_the_summary() -> None:
    """A line for each: what it became, what stayed behind, what to set."""
    written = write("cpi", [CRM, CODE, OPEN], [], Places(routes_apart=True))
    crm = 'CRM-prod: oauth2_client_credentials, from OAuth2ClientCredentials "CRM prod"; not translated: apiKey; take care'
    assert written.summary == (
        f"{crm}; set CRM_PROD_CLIENT_SECRET; set CRM_PROD_INJECT_X_KEY",
        'Code: OAuth2AuthorizationCode "Code" not translated: no consent',
        'ui5: a route with credential: none, from NoAuthentication "ui5"',
    )
    assert not written.whole


def test_secrets_in_files() -> None:
    """With a folder, a secret that the export has is a file there; one of a comment, or one that it has not, is not."""
    lacking = Entry("s", "HR", {"type": "user_credentials", "password": Held("password"), "key": Held("key", form="file")})
    written = write("cpi", [CRM, CODE, lacking], [], Places(secrets="../secrets"))
    assert [(file.name, file.value) for file in written.files] == [("CRM-prod.client_secret", "hunter2")]
    found = yaml.safe_load(written.material)["credentials"]
    assert found["CRM-prod"]["client_secret"] == {"file": "../secrets/CRM-prod.client_secret"}
    assert found["HR"] == {"type": "user_credentials", "password": {"env": "HR_PASSWORD"}, "key": "../secrets/HR.key.pem"}
    assert written.summary[2].endswith("; set HR_PASSWORD; write ../secrets/HR.key.pem")


@pytest.mark.parametrize("entries", [[CRM], [CODE], [OPEN], [CRM, CRM]])
def test_no_secret(entries: list[Entry]) -> None:
    """A secret stands in no text and in no repr."""
    written = write("cpi", entries, [], Places(secrets="s", routes_apart=True))
    assert "hunter2" not in written.material + written.routes + "".join(written.summary) + repr(written) + repr(entries)


UNFINISHED = """\
routes:
  # Fill in the upstream, and take the # away:
  # - prefix: /CRM
  #   name: CRM
  #   upstream: https://HOST of the API that the token is for
  #   credential: CRM
"""


def test_a_route_to_fill_in() -> None:
    """Of a credential whose API the export does not name a route stands there as a comment, and its line says so."""
    entry = Entry("service key", "CRM", {"type": "user_credentials", "password": Held("password")})
    written = write("service-key", [entry], [], Places(routes_apart=True))
    assert written.routes.endswith(UNFINISHED)
    assert written.summary[0].endswith("; set CRM_PASSWORD; fill in its route's upstream, which the export does not name")
    assert "Fill in" not in write("service-key", [entry], [], Places()).material


def test_nothing_to_say() -> None:
    """Without a credential and without a route both files still load."""
    written = write("cpi", [CODE], [], Places(routes_apart=True))
    assert (yaml.safe_load(written.material), yaml.safe_load(written.routes)) == ({"credentials": {}}, {"version": 1, "routes": []})


SCALARS = st.one_of(st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(st.text("abc:#'\" \n-", max_size=8), inner, max_size=4), max_leaves=8)


@settings(deadline=None)
@given(st.text(max_size=20), st.dictionaries(st.sampled_from(["type", "x", "y: z"]), TREES, min_size=1), st.text(max_size=20))
def test_any_values(name: str, material: dict[str, object], why: str) -> None:
    """Whatever the values, YAML reads them back, and a comment stays one."""
    entry = Entry(name, name, {"type": "t", **material}, left=(Left(name, "", why),), notes=(why,))
    found = yaml.safe_load(write("cpi", [entry], [why], Places()).material)["credentials"]
    assert list(found.values()) == [{"type": "t", **material}]
