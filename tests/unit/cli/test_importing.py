"""`bearerd import`: files in, YAML out, statuses, and that no secret is printed."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.cli import main
from proxy.cli.importing import PARTLY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Run

CRM: dict[str, Any] = {
    "Name": "CRM",
    "TokenServiceUrl": "https://login.example/oauth/token",
    "ClientId": "nightly",
    "ClientSecret": "hunter2",
    "ClientAuthentication": "header",
}
DESTINATION: dict[str, Any] = {
    "Name": "crm",
    "Type": "HTTP",
    "URL": "https://api.example/v1",
    "Authentication": "OAuth2ClientCredentials",
    "clientId": "nightly",
    "clientSecret": "hunter2",
    "tokenServiceURL": "https://login.example/oauth/token",
    "tokenService.addClientCredentialsInBody": "false",
}
KEY: dict[str, Any] = {"clientid": "nightly", "clientsecret": "hunter2", "url": "https://login.example"}
EXPORTS: dict[str, dict[str, Any]] = {"cpi": CRM, "destination": DESTINATION, "service-key": KEY}
TOKEN_URL = "https://login.example/oauth/token"


@pytest.fixture(params=EXPORTS)
def kind(request: pytest.FixtureRequest, folder: Path) -> str:
    """Each kind of export, as the file `CRM.json`."""
    name: str = request.param
    (folder / "CRM.json").write_text(json.dumps(EXPORTS[name]))
    return name


async def test_to_standard_output(run: Run, kind: str) -> None:
    """The material goes to standard output, a line for each credential to standard error, and the secret to neither."""
    told = await run("import", kind, "CRM.json")
    ((alias, credential),) = yaml.safe_load(told.stdout)["credentials"].items()
    assert alias.casefold() == "crm"
    assert credential == {
        "type": "oauth2_client_credentials",
        "token_url": TOKEN_URL,
        "client_id": "nightly",
        "client_secret": {"env": "CRM_CLIENT_SECRET"},
        "client_auth": "client_secret_post" if kind == "service-key" else "client_secret_basic",
    }
    line, then = told.stderr.splitlines()
    assert line.endswith("; set CRM_CLIENT_SECRET")
    assert then == "next: keep this in a file (--output PATH), and name it in a proxy.yaml with routes: security_material: [PATH]"
    assert (told.exit_code, "hunter2" in told.output) == (0, False)


@pytest.mark.parametrize("kind", EXPORTS)
def test_from_standard_input(kind: str) -> None:
    """`-` is standard input."""
    told = CliRunner().invoke(main, ["import", kind, "-"], input=json.dumps(EXPORTS[kind]), catch_exceptions=False)
    assert (told.exit_code, "client_id: nightly" in told.stdout) == (0, True)


async def test_to_files_that_check_takes(run: Run, kind: str, folder: Path) -> None:
    """Material and secrets go to files that their owner alone reads, name one another, and are a configuration as they are."""
    told = await run("import", kind, "CRM.json", "--output", "conf/material.yaml", "--secrets-dir", "secrets")
    assert (told.exit_code, told.stderr) == (2, "conf/material.yaml: there is no folder conf\n")
    assert not (folder / "secrets").exists()
    (folder / "conf").mkdir()
    told = await run("import", kind, "CRM.json", "--output", "conf/material.yaml", "--secrets-dir", "secrets")
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr.endswith("next: name the file in a proxy.yaml with routes: security_material: [conf/material.yaml]\n")
    (secret,) = (folder / "secrets").iterdir()
    assert secret.read_text() == "hunter2"
    for path in (secret, folder / "conf" / "material.yaml"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (alias,) = yaml.safe_load((folder / "conf" / "material.yaml").read_text())["credentials"]
    (folder / "conf" / "proxy.yaml").write_text(
        f"security_material: [material.yaml]\nroutes: [{{prefix: /a, upstream: 'https://a.example', credential: {alias}}}]\n"
    )
    told = await run("check", "--config", "conf/proxy.yaml")
    assert (told.exit_code, "0 warnings" in told.stdout) == (0, True), told.output


async def test_routes_that_check_takes(run: Run, folder: Path) -> None:
    """With --routes both files together are a configuration."""
    (folder / "d.json").write_text(json.dumps([DESTINATION, {"Name": "ui5", "URL": "https://ui5.example"}]))
    (folder / "conf").mkdir()
    told = await run("import", "destination", "d.json", "--output", "material.yaml", "--routes", "conf/routes.yaml", "--secrets-dir", "s")
    assert told.exit_code == 0
    assert told.stderr.endswith("next: bearerd check --config conf/routes.yaml\n")
    told = await run("check", "--config", "conf/routes.yaml")
    assert told.exit_code == 0, told.output
    assert "/ui5/* -> https://ui5.example/*" in told.stdout


async def test_a_file_that_is_there(run: Run, kind: str, folder: Path) -> None:
    """A file is not replaced, and nothing else is written then; --force replaces it."""
    (folder / "m.yaml").write_text("mine")
    arguments = ("import", kind, "CRM.json", "--output", "m.yaml", "--secrets-dir", "s")
    told = await run(*arguments)
    assert (told.exit_code, told.stderr) == (2, "m.yaml: the file exists; --force replaces it\n")
    assert ((folder / "m.yaml").read_text(), (folder / "s").exists()) == ("mine", False)
    assert (await run(*arguments, "--force")).exit_code == 0
    assert "client_id: nightly" in (folder / "m.yaml").read_text()
    assert len(os.listdir(folder)) == len(("CRM.json", "m.yaml", "s"))  # noqa: PTH208  # pathlib's is refused in async tests


async def test_what_is_not_translated(run: Run, folder: Path) -> None:
    """A part that stays behind ends with 5, and is in the output as a comment."""
    (folder / "d.json").write_text(json.dumps({**DESTINATION, "ProxyType": "OnPremise"}))
    told = await run("import", "destination", "d.json")
    assert told.exit_code == PARTLY
    assert '  #   ProxyType: "OnPremise"\n' in told.stdout
    assert "; not translated: ProxyType; " in told.stderr


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"d":\n  hunter2}', "e.json:2:3: not valid JSON: Expecting value"),
        ("[1]", "e.json: expected entities of CPI's OData API"),
        ("<a>\n</b>", "e.json:2:3: not valid XML"),
        ("", "e.json: the file is empty"),
    ],
)
async def test_a_wrong_file(run: Run, folder: Path, text: str, line: str) -> None:
    """A file that is none ends with 2 and its place, and nothing of it is shown."""
    (folder / "e.json").write_text(text)
    told = await run("import", "cpi", "e.json")
    assert (told.exit_code, told.stdout, told.stderr) == (2, "", f"{line}\n")


MISTAKEN = {
    "cpi": "this is security material of SAP Cloud Integration",
    "destination": "these are destinations",
    "service-key": "this is a service key",
}


@pytest.mark.parametrize("asked", EXPORTS)
async def test_one_export_for_another(run: Run, kind: str, asked: str) -> None:
    """An export that was taken for another one is told by its name, with the command that takes it."""
    told = await run("import", asked, "CRM.json")
    if asked == kind:
        assert told.exit_code == 0
        return
    line = f"CRM.json: {MISTAKEN[kind]}: bearerd import {kind} CRM.json\n"
    assert (told.exit_code, told.stdout, told.stderr) == (2, "", line)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("cpi", '{"d": {"results": []}}'),
        ("cpi", '{"value": []}'),
        ("cpi", "[]"),
        ("cpi", '<feed xmlns="http://www.w3.org/2005/Atom"/>'),
        ("destination", "[]"),
    ],
)
async def test_an_empty_list(run: Run, folder: Path, asked: str, text: str) -> None:
    """Nothing to import is an answer, and it is said."""
    (folder / "e.json").write_text(text)
    told = await run("import", asked, "e.json")
    assert (told.exit_code, told.stderr) == (0, "nothing in it: the list is empty\n")
    assert yaml.safe_load(told.stdout) == {"credentials": {}}


async def test_a_route_to_fill_in(run: Run, folder: Path) -> None:
    """A key that names no API leaves a route to fill in, and nothing more is needed then."""
    (folder / "CRM.json").write_text(json.dumps(KEY))
    told = await run("import", "service-key", "CRM.json", "--output", "m.yaml", "--routes", "r.yaml", "--secrets-dir", "s")
    assert (told.exit_code, "fill in its route's upstream" in told.stderr) == (0, True)
    lines = [line.replace("  # ", "  ", 1) for line in (folder / "r.yaml").read_text().splitlines() if "Fill in" not in line]
    (folder / "r.yaml").write_text("\n".join(lines))
    told = await run("check", "--config", "r.yaml")
    assert (told.exit_code, "routes[0].upstream" in told.stderr) == (2, True), told.output
    (folder / "r.yaml").write_text("\n".join(lines).replace("HOST of the API that the token is for", "api.example"))
    told = await run("check", "--config", "r.yaml")
    assert (told.exit_code, "/CRM/* -> https://api.example/*" in told.stdout) == (0, True), told.output


@pytest.mark.parametrize(
    "arguments", [["import"], ["import", "mule", "x"], ["import", "cpi"], ["import", "cpi", "absent.json"], ["import", "cpi", "\0"]]
)
async def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    """No kind, no known kind, no file, no such file: 2."""
    assert (await run(*arguments)).exit_code == 2


@pytest.mark.parametrize("kind", EXPORTS)
async def test_help(run: Run, kind: str) -> None:
    """Each kind explains itself."""
    assert (await run("import", kind, "--help")).exit_code == 0


SECRET = "zq9-Secr3t-zq9-Secr3t"
WORDS = st.sampled_from([
    *EXPORTS["cpi"], *EXPORTS["destination"], *EXPORTS["service-key"], "d", "results", "uaa", "credentials", "destinationConfiguration",
    "CustomParameters", "tokenService.body.x", "URL.headers.x", "User", "Kind", "AuthUrl", "certificate", "KeyStoreLocation", "ProxyType",
])  # fmt: skip
HIDDEN = st.sampled_from([
    "clientSecret", "ClientSecret", "clientsecret", "Password", "tokenServicePassword", "KeyStorePassword", "apiKey", "SecureParam", "key",
    "tokenService.KeyStorePassword", "TrustStorePassword", "my_secret", "URL.headers.Authorization", "tokenService.body.password",
])  # fmt: skip
TYPES = st.sampled_from(["NoAuthentication", "OAuth2SAMLBearerAssertion", "OAuth2Password", "PrincipalPropagation", "OAuth2JWTBearer", "x"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), TYPES, st.just("https://a.example/x?b=c")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, st.text(max_size=8)), inner, max_size=5)),
    max_leaves=12,
)
OBJECTS = st.builds(
    lambda plain, hidden: {**plain, **dict.fromkeys(hidden, SECRET)},
    st.dictionaries(st.one_of(WORDS, st.just("Authentication")), VALUES, max_size=8),
    st.lists(HIDDEN, max_size=4),
)


@pytest.mark.parametrize("kind", EXPORTS)
@given(export=OBJECTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_any_object(kind: str, export: dict[str, Any]) -> None:
    """Whatever the object, the status is 0, 2 or 5, the output is YAML, and what is named like a secret is not in it."""
    told = CliRunner().invoke(main, ["import", kind, "-"], input=json.dumps(export), catch_exceptions=False)
    assert told.exit_code in {0, 2, PARTLY}
    assert SECRET not in told.output
    if told.exit_code != 2:
        assert set(yaml.safe_load(told.stdout)) == {"credentials"}
