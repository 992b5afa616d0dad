"""`bearerd check`: what it prints, what it refuses, and that it calls nobody."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy.cli.check import document
from proxy.settings import load
from tests.unit.cli.conftest import SECRET, Configure, Run

if TYPE_CHECKING:
    from tests.fakes.raw import RawUpstream
    from tests.fakes.token_server import TokenServer

LONG = "https://api.example/" + "long/" * 40


async def test_a_route_is_told_as_an_arrow(run: Run, configure: Configure) -> None:
    """A route is one line: what is taken, where it goes, its credential."""
    configure({"upstream": "https://acme.my.salesforce.com/services", "prefix": "/salesforce"})
    told = await run("check")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0] == "/salesforce/* -> https://acme.my.salesforce.com/services/*   crm"


@pytest.mark.parametrize(
    ("route", "line"),
    [
        ({"prefix": "/"}, "/* -> https://api.example/v1/*   crm"),
        ({"prefix": "/a", "strip_prefix": False}, "/a/* -> https://api.example/v1/a/*   crm"),
        ({"prefix": "/a", "host": "a.internal"}, "a.internal/a/* -> https://api.example/v1/*   crm"),
        ({"prefix": "/a", "upstream": "https://api.example:8443"}, "/a/* -> https://api.example:8443/*   crm"),
        ({"prefix": "/a", "credential": "none"}, "/a/* -> https://api.example/v1/*   none"),
    ],
)
async def test_where_a_call_goes(run: Run, configure: Configure, route: dict[str, object], line: str) -> None:
    """The arrow is what the proxy does: prefix, Host and base path as it uses them."""
    configure({"upstream": "https://api.example/v1", **route})
    assert (await run("check")).stdout.splitlines()[0] == line


async def test_a_credential_is_told(run: Run, configure: Configure) -> None:
    """A credential's line has its type, its client authentication and its endpoint without the query."""
    configure(credential={"token_url": "https://login.example/token?key=k3y", "client_auth": "client_secret_post"})
    told = (await run("check")).stdout
    assert "crm   oauth2_client_credentials, client_secret_post   https://login.example/token\n" in told
    assert "k3y" not in told


ENDPOINTS: dict[str, tuple[dict[str, object], str, object]] = {
    "a secret in the path": (
        {"token_url": "https://login.example/${values.api_key}/token?k=${client_secret}", "values": {"api_key": "hidden-in-clear"}},
        "https://login.example/${values.api_key}/token",
        "https://login.example/${values.api_key}/token",
    ),
    "a value that is no secret": (
        {"token_url": "https://${values.tenant}.example/token", "values": {"tenant": "eu1"}},
        "https://eu1.example/token",
        "https://eu1.example/token",
    ),
    "an issuer": ({"token_url": None, "issuer": "https://login.example"}, "issuer https://login.example", None),
}


@pytest.mark.parametrize(("credential", "line", "token_url"), ENDPOINTS.values(), ids=ENDPOINTS)
async def test_an_endpoint_is_told(run: Run, configure: Configure, credential: dict[str, object], line: str, token_url: object) -> None:
    """Where a token comes from; a secret in it is shown by the name of its place."""
    configure(credential=credential)
    told, document = (await run("check")).stdout, (await run("check", "--json")).stdout
    (one,) = json.loads(document)["credentials"]
    assert f"crm   oauth2_client_credentials, client_secret_basic   {line}\n" in told
    assert (one["token_url"], one["issuer"]) == (token_url, credential.get("issuer"))
    assert "hidden-in-clear" not in told + document


async def test_a_credential_without_an_endpoint_is_told(run: Run, configure: Configure) -> None:
    """By its type alone."""
    keep = {"type": "secure_parameter", "value": {"env": "CRM_SECRET"}}
    path = configure()
    path.write_text(json.dumps({**json.loads(path.read_text()), "credentials": {"crm": keep}}))
    told, document = (await run("check")).stdout, json.loads((await run("check", "--json")).stdout)
    assert "crm   secure_parameter\n" in told.replace("   \n", "\n")
    nothing = dict.fromkeys(("token_url", "issuer", "client_id", "client_auth"))
    assert document["credentials"] == [{"alias": "crm", "type": "secure_parameter", "description": "", **nothing, "scope": []}]


async def test_warnings_are_told(run: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no error and should be known stands there, and the status stays 0."""
    configure()
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    told = await run("check")
    assert (told.exit_code, "warning: HTTPS_PROXY is set and ignored" in told.stdout) == (0, True)


async def test_a_warning_has_its_rule_and_its_place(run: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """In JSON, beside its text; one that no rule of the lint's finds has none."""
    configure({}, {"client_secret": "in clear"})
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    document = json.loads((await run("check", "--json")).stdout)
    clear, ignored = document["lint"]
    assert (clear["rule"], clear["key"]) == ("literal_secret", "credentials.crm.client_secret")
    assert f"{clear['file']}:{clear['line']}:{clear['column']}: {clear['key']}: {clear['text']}" == document["warnings"][0]
    assert (ignored["rule"], ignored["file"], ignored["text"]) == (None, None, document["warnings"][1])


async def test_lines_are_narrow(run: Run, configure: Configure) -> None:
    """No line is over 100 columns, however long an address or a warning is."""
    configure({"upstream": LONG}, {"token_url": LONG, "client_secret": "in clear"})
    assert max(map(len, (await run("check")).stdout.splitlines())) <= 100


async def test_problems_end_with_2(run: Run, configure: Configure) -> None:
    """Every problem is a line with its place on standard error, and nothing is on standard output."""
    configure({"credential": "crn"}, {"scopes": "api"})
    told = await run("check")
    assert told.exit_code == 2
    assert told.stdout == ""
    assert [line.split(": ")[1] for line in told.stderr.splitlines()] == ["routes[0].credential", "credentials.crm.scopes"]


async def test_no_configuration_ends_with_2(run: Run) -> None:
    """Without a file in the usual places, and without flags, the command says what to give."""
    told = await run("check")
    assert (told.exit_code, told.stderr.startswith("no configuration: give --config PATH")) == (2, True)


async def test_flags_make_a_route(run: Run) -> None:
    """The flags that `run` takes are checked too."""
    told = await run(
        *("check", "--upstream", "https://api.example", "--token-url", "https://login.example/token"),
        *("--client-id", "erp", "--client-secret", SECRET),
    )
    assert told.stdout.splitlines()[0] == "/* -> https://api.example/*   default"
    assert SECRET not in told.output


async def test_nobody_is_called(run: Run, configure: Configure, tokens: TokenServer, api: RawUpstream) -> None:
    """Checking is offline."""
    configure()
    await run("check")
    assert (tokens.connections, api.connections) == (0, 0)


async def test_json_of_a_good_configuration(run: Run, configure: Configure) -> None:
    """--json is one document with these names and no others."""
    configure({"upstream": "https://api.example/v1"}, {"token_url": "https://login.example/token", "scope": "api refresh"})
    told = await run("check", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout) == {
        "ok": True,
        "routes": [
            {
                "name": "/crm",
                "prefix": "/crm",
                "host": None,
                "methods": None,
                "from": "/crm/*",
                "to": "https://api.example/v1/*",
                "credential": "crm",
                "probe": "/v1/me",
            }
        ],
        "credentials": [
            {
                "alias": "crm",
                "type": "oauth2_client_credentials",
                "description": "",
                "token_url": "https://login.example/token",
                "issuer": None,
                "client_id": "erp",
                "client_auth": "client_secret_basic",
                "scope": ["api", "refresh"],
            }
        ],
        "warnings": [],
        "lint": [],
        "problems": [],
    }


BAD = """\
routes:
  - {prefix: /crm, upstream: "https://api.example", credential: crn}
credentials:
  crm: {type: oauth2_client_credentials, token_url: "https://login.example/token", client_id: erp, client_secret: {env: CRM_SECRET}}
"""


async def test_json_of_a_bad_configuration(run: Run, folder: Path) -> None:
    """The same document says what is wrong and where, and the status is 2."""
    (folder / "bad.yaml").write_text(BAD)
    told = await run("check", "--config", "bad.yaml", "--json")
    assert told.exit_code == 2
    assert json.loads(told.stdout) == {
        "ok": False,
        "routes": [],
        "credentials": [],
        "warnings": [],
        "lint": [],
        "problems": [
            {
                "file": "bad.yaml",
                "line": 2,
                "column": 65,
                "key": "routes[0].credential",
                "text": "no credential 'crn'; did you mean 'crm' (bad.yaml:4)?",
            }
        ],
    }


async def test_a_secret_in_clear_is_not_shown(run: Run, configure: Configure) -> None:
    """A secret that stands in the file is in no output."""
    configure(credential={"client_secret": "hidden-in-clear"})
    outputs = [(await run("check")).output, (await run("check", "--json")).output]
    assert "hidden-in-clear" not in "".join(outputs)


def test_the_document_of_settings_and_of_problems_has_one_shape(configure: Configure) -> None:
    """A reader of --json finds the same names whether it is good or bad."""
    assert document(load([configure()]), ()).keys() == document(None, ()).keys()


def test_a_terminal_gets_tables(configure: Configure) -> None:
    """At a terminal, and only there, routes and credentials are tables with headings."""
    configure({"upstream": "https://api.example/v1"})
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "proxy", "check"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "COLUMNS": "100", "TERM": "xterm"}
    subprocess.run(command, stdout=theirs, check=True, env=environment)
    os.close(theirs)
    told = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "route" in told.splitlines()[1]
    assert "/crm/* -> https://api.example/v1/*" in told
