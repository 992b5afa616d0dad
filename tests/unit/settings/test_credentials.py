"""The security material: what is told about broken aliases, and what is only warned of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.oauth.grants import GRANTS, ClientCredentials
from proxy.secrets.sources import FORMS, File
from proxy.settings import load
from proxy.settings.words import either

Lines = Callable[..., list[str]]
Write = Callable[[str, str | bytes], Path]

PROXY = "security_material: [security-material.yaml]\nroutes: [{prefix: /, upstream: 'https://a.example', credential: none}]\n"
HEAD = "credentials:\n  crm:\n    type: oauth2_client_credentials\n"
URL = "    token_url: https://login.example/token\n"
ID = "    client_id: a\n"
SECRET = "    client_secret: {env: CRM_SECRET}\n"
AT = "security-material.yaml:"
TYPES = either(list(GRANTS))
NO_URL = "this key is missing; `issuer` stands in its place where the server describes itself"
NO_SECRET = (
    "this key is missing; client_auth client_secret_basic needs it: "
    "write {env: NAME} or {file: PATH}; or change client_auth to none, for a client that has no secret"
)

BROKEN = {
    "type missing": (
        "credentials:\n  crm:\n" + URL + ID + SECRET,
        [AT + "3:5: credentials.crm.type: this key is missing; write one such as oauth2_client_credentials"],
    ),
    "type of a later release": (
        "credentials:\n  crm:\n    type: oauth2_device_code\n" + URL + ID + SECRET,
        [AT + "3:11: credentials.crm.type: not in this release: a person would have to log in"],
    ),
    "type misspelt": (
        "credentials:\n  crm:\n    type: oauth2_client_credential\n" + URL + ID + SECRET,
        [AT + f"3:11: credentials.crm.type: expected {TYPES}; did you mean oauth2_client_credentials?"],
    ),
    "required keys": (
        HEAD,
        [
            AT + "3:5: credentials.crm.client_id: this key is missing",
            AT + f"3:5: credentials.crm.token_url: {NO_URL}",
            AT + f"3:5: credentials.crm.client_secret: {NO_SECRET}",
        ],
    ),
    "client_id a number": (
        HEAD + URL + SECRET + "    client_id: 123\n",
        [AT + "6:16: credentials.crm.client_id: expected text, got an integer; put it in quotes"],
    ),
    "client_id empty": (
        HEAD + URL + SECRET + "    client_id: ''\n",
        [AT + "6:16: credentials.crm.client_id: expected text, got an empty one"],
    ),
    "secret a number": (
        HEAD + URL + ID + "    client_secret: 90210\n",
        [AT + "6:20: credentials.crm.client_secret: expected " + str(FORMS) + "; put it in quotes"],
    ),
    "secret a list": (
        HEAD + URL + ID + "    client_secret: [hunter2]\n",
        [AT + "6:20: credentials.crm.client_secret: expected " + str(FORMS)],
    ),
    "secret null": (
        HEAD + URL + ID + "    client_secret:\n",
        [AT + f"6:19: credentials.crm.client_secret: {NO_SECRET}"],
    ),
    "secret empty": (HEAD + URL + ID + "    client_secret: ''\n", [AT + "6:20: credentials.crm.client_secret: the secret is empty"]),
    "secret in an unset variable": (
        HEAD + URL + ID + "    client_secret: {env: UNSET}\n",
        [AT + "6:20: credentials.crm.client_secret: environment variable UNSET is not set"],
    ),
    "secret in an empty variable": (
        HEAD + URL + ID + "    client_secret: {env: EMPTY}\n",
        [AT + "6:20: credentials.crm.client_secret: environment variable EMPTY is not set"],
    ),
    "secret that is no text": (
        HEAD + URL + ID + "    client_secret: {env: NOT_TEXT}\n",
        [AT + "6:20: credentials.crm.client_secret: the secret is not UTF-8 text"],
    ),
    "secret in a missing file": (
        HEAD + URL + ID + "    client_secret: {file: nowhere}\n",
        [AT + "6:20: credentials.crm.client_secret: secret file nowhere: No such file or directory"],
    ),
    "secret in an empty file": (
        HEAD + URL + ID + "    client_secret: {file: empty}\n",
        [AT + "6:20: credentials.crm.client_secret: secret file empty is empty"],
    ),
    "foreign words": (
        HEAD
        + URL
        + ID
        + SECRET
        + "    scopes: [a]\n    token_endpoint: x\n    client_secret_file: x\n    api_key: x\n    clientAuth: x\n    issuerUri: x\n",
        [
            AT + "7:5: credentials.crm.scopes: unknown key; here it is `scope`",
            AT + "8:5: credentials.crm.token_endpoint: unknown key; here it is `token_url`",
            AT + "9:5: credentials.crm.client_secret_file: unknown key; here it is `client_secret: {file: PATH}`",
            AT + "10:5: credentials.crm.api_key: unknown key; here it is `value`, in a credential of type secure_parameter",
            AT + "11:5: credentials.crm.clientAuth: unknown key; did you mean `client_auth`?",
            AT + "12:5: credentials.crm.issuerUri: unknown key; here it is `issuer`",
        ],
    ),
    "scope a mapping": (
        HEAD + URL + ID + SECRET + "    scope: {a: b}\n",
        [AT + "7:12: credentials.crm.scope: expected a list of scopes, or one text with spaces between"],
    ),
    "ratio": (
        HEAD + URL + ID + SECRET + "    lifetime: {refresh_before_ratio: 1}\n",
        [AT + "7:38: credentials.crm.lifetime.refresh_before_ratio: expected a number over 0 and under 1"],
    ),
    "another word for a required key": (
        HEAD + "    token_endpoint: x\n    clientid: a\n    client_secret_file: x\n",
        [
            AT + "4:5: credentials.crm.token_endpoint: unknown key; here it is `token_url`",
            AT + "5:5: credentials.crm.clientid: unknown key; here it is `client_id`",
            AT + "6:5: credentials.crm.client_secret_file: unknown key; here it is `client_secret: {file: PATH}`",
        ],
    ),
    "required keys misspelt": (
        HEAD + "    tokenUrl: x\n    client_idd: a\n    client_secrt: x\n",
        [
            AT + "4:5: credentials.crm.tokenUrl: unknown key; did you mean `token_url`?",
            AT + "5:5: credentials.crm.client_idd: unknown key; did you mean `client_id`?",
            AT + "6:5: credentials.crm.client_secrt: unknown key; did you mean `client_secret`?",
        ],
    ),
    "another word for type": (
        "credentials:\n  crm:\n    grant: client_credentials\n" + URL + ID + SECRET,
        [AT + "3:5: credentials.crm.grant: unknown key; here it is `type`, such as oauth2_client_credentials"],
    ),
    "type by its grant's name": (
        "credentials:\n  crm:\n    type: client_credentials\n" + URL + ID + SECRET,
        [AT + f"3:11: credentials.crm.type: expected {TYPES}; did you mean oauth2_client_credentials?"],
    ),
    "required key without a value": (
        HEAD + ID + SECRET + "    token_url:\n",
        [AT + f"6:15: credentials.crm.token_url: {NO_URL}"],
    ),
    "secret with a line end": (
        HEAD + URL + ID + "    client_secret: |\n      hunter2\n",
        [AT + "6:20: credentials.crm.client_secret: the secret has a line end in it; a client secret is one line"],
    ),
    "secret in a file of two lines": (
        HEAD + URL + ID + "    client_secret: {file: two}\n",
        [AT + "6:20: credentials.crm.client_secret: the secret has a line end in it; a client secret is one line"],
    ),
    "options as text": (
        HEAD + URL + ID + SECRET + "    lifetime: 60s\n",
        [AT + "7:15: credentials.crm.lifetime: expected a mapping of keys such as {refresh_before: 60s}, got text"],
    ),
    "fragment behind a query": (
        HEAD + ID + SECRET + "    token_url: https://login.example/token?a=b#hunter2\n",
        [AT + "6:16: credentials.crm.token_url: it has a fragment; take it out"],
    ),
    "http": (
        HEAD + ID + SECRET + "    token_url: http://login.example/token\n",
        [AT + "6:16: credentials.crm.token_url: http shows everything on the way; write https, or allow_plaintext: true"],
    ),
    "metadata": (
        HEAD + ID + SECRET + "    token_url: https://[fd00:ec2::254]/token\n",
        [AT + "6:16: credentials.crm.token_url: a link-local or metadata address is not called; allow_link_local: true allows it"],
    ),
    "URL with a user": (
        HEAD + ID + SECRET + "    token_url: https://a:hunter2@login.example/token\n",
        [AT + "6:16: credentials.crm.token_url: it has a user part; take it out"],
    ),
    "duplicate alias": (
        HEAD + URL + ID + SECRET + "  crm: {}\n",
        [AT + "7:3: credentials.crm: the key is said twice; first in line 2"],
    ),
    "alias none": (
        HEAD.replace("crm", "none") + URL + ID + SECRET,
        [AT + "2:3: credentials.none: an alias is made of letters, digits, `.`, `_` and `-`, and is not `none`"],
    ),
    "alias that YAML made a boolean": (
        HEAD.replace("crm", "no") + URL + ID + SECRET,
        [AT + "2:3: credentials: YAML reads the key 'no' as the boolean false; put it in quotes"],
    ),
    "no mapping": ("credentials: {crm: text}", [AT + "1:20: credentials.crm: expected a mapping of keys, got text"]),
    "no mapping of aliases": ("credentials: [crm]", [AT + "1:14: credentials: expected a mapping of aliases"]),
}


@pytest.mark.parametrize(("material", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_credential_is_told_at_its_place(lines: Lines, write: Write, material: str, expected: list[str]) -> None:
    """One line per problem, and never the value of a secret."""
    write("empty", "\n")
    write("two", "hunter2\nhunter3\n")

    assert lines(PROXY, material) == expected


def test_an_alias_in_two_files_is_refused(write: Write) -> None:
    """Which of two credentials an alias means is never a question."""
    write("security-material.yaml", HEAD + URL + ID + SECRET)

    with pytest.raises(Exception, match=r"^security-material\.yaml:2:3: credentials\.crm: duplicate alias; first in proxy\.yaml:4$"):
        load([write("proxy.yaml", PROXY + HEAD + URL + ID + SECRET)])


def test_a_credential_is_taken_apart(write: Write) -> None:
    """Grant and options get their own keys; a secret's file is relative to the file that names it."""
    secret = write("conf/s/crm", "hunter2\n")
    secret.chmod(0o600)
    path = write(
        "conf/proxy.yaml",
        PROXY.splitlines()[1]
        + "\n"
        + HEAD
        + URL
        + ID
        + "    client_secret: {file: s/crm}\n    scope: a b\n    audience: {env: CRM_SECRET}\n",
    )

    credential = load([path]).credentials["crm"]

    assert isinstance(credential.grant, ClientCredentials)
    assert credential.grant.scope == ("a", "b")
    assert credential.grant.audience == "s3cret"
    assert credential.grant.client_secret == File("conf/s/crm")


WARNINGS = {
    "text": (
        "    client_secret: hunter2\n",
        "client_secret: the secret stands here in clear; an environment variable or a file of its own keeps it out",
    ),
    "file": ("    client_secret: {file: open}\n", "client_secret: every user of this machine can read open; chmod o-r"),
}


@pytest.mark.parametrize(("secret", "text"), WARNINGS.values(), ids=WARNINGS)
def test_an_exposed_secret_brings_a_warning(write: Write, secret: str, text: str) -> None:
    """A secret that others can read works, and is told."""
    write("open", "hunter2").chmod(0o644)
    write("security-material.yaml", HEAD + URL + ID + secret)

    warnings = load([write("proxy.yaml", PROXY.replace("none", "crm"))]).warnings

    assert warnings == (f"security-material.yaml:6:20: credentials.crm.{text}",)


def test_an_unused_credential_brings_a_warning(write: Write) -> None:
    """An alias that no route names is probably a slip."""
    write("security-material.yaml", HEAD + URL + ID + SECRET)

    assert load([write("proxy.yaml", PROXY)]).warnings == ("security-material.yaml:2:3: credentials.crm: no route uses it",)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.text("*&!@%`'\"{[}],:#|>?- ~$\\=<ab1/", max_size=6), after=st.text("*&!@%`'\"{[}],:#|>?- ~$\\=<ab1/", max_size=6))
def test_a_secret_is_in_no_problem_however_it_is_written(lines: Lines, before: str, after: str) -> None:
    """A secret that YAML or we misread is not told to whoever reads the error."""
    found = lines(
        PROXY, HEAD + ID + f"    client_secret: {before}hunter2{after}\n    token_url: https://{before}hunter2{after}@a.example/\n"
    )

    assert "hunter2" not in "\n".join(found)
