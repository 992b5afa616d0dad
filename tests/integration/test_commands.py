"""The commands that people run by hand and paste into tickets: what they print holds no secret, whether they succeed or fail.

`ran` looks for the secrets; each row says how the command ends, so that it is known to have come that far.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from proxy.cli.importing import PARTLY
from tests.fakes.raw import say
from tests.fakes.token_server import answer
from tests.fakes.witness import WITNESS
from tests.integration.running import ran, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.raw import RawUpstream, Reply
    from tests.fakes.token_server import TokenServer

SECRET = "s3cret:/+ of the client"
PEM = "-----BEGIN PRIVATE KEY-----\nbm90LWEta2V5LWJ1dC1hLXNlY3JldC1hbGwtdGhlLXNhbWU\n-----END PRIVATE KEY-----\n"
REFUSAL = {"error": "invalid_client", "error_description": f"client secret {SECRET} is wrong"}
TOLD = ("text", "json")
JSON = {"text": (), "json": ("--json",)}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


def config(folder: Path, tokens: str, upstream: str, credential: dict[str, Any], route: dict[str, Any]) -> Path:
    said = {"type": "oauth2_client_credentials", "token_url": tokens, "client_id": "id", "client_secret": SECRET, **credential}
    return write_config(folder, [{"prefix": "/crm", "upstream": upstream, "credential": "crm", **route}], {"crm": said}, {})


PROBES: dict[str, tuple[Reply | None, dict[str, Any], int]] = {
    "a token and a call": (None, {}, 0),
    "a refusal that quotes the secret": (answer(401, REFUSAL), {}, 3),
    "a page that quotes the secret": (answer(200, f"<title>{SECRET}</title>", content_type="text/html"), {}, 3),
    "a secret in the URL of an endpoint that is gone": (answer(404, SECRET), {"query": True}, 3),
    "a key that is none": (None, {"client_auth": "private_key_jwt", "private_key": {"env": "CRM_KEY"}, "client_secret": None}, 2),
}


@pytest.mark.parametrize("form", TOLD)
@pytest.mark.parametrize(("reply", "credential", "status"), PROBES.values(), ids=PROBES)
async def test_probe(
    tmp_path: Path,
    token_server: TokenServer,
    raw_upstream: RawUpstream,
    form: str,
    reply: Reply | None,
    credential: dict[str, Any],
    status: int,
) -> None:
    """Neither the secret, nor a token, nor what a server repeats of them."""
    raw_upstream.reply = say(OK)
    if reply is not None:
        token_server.reply = reply
    said = {name: value for name, value in credential.items() if value is not None and name != "query"}
    url = token_server.token_url + ("?key=${urlencode(${values.key})}" if "query" in credential else "")
    written = config(tmp_path, url, raw_upstream.url, {**said, **({"values": {"key": SECRET}} if "query" in credential else {})}, {})
    done = await asyncio.to_thread(
        ran, "probe", *JSON[form], config=written, env={"CRM_KEY": PEM}, secrets=[SECRET, *PEM.splitlines()[1:2]]
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


CHECKS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "sound": ({}, {}, 0),
    "a wrong alias": ({}, {"credential": "crn"}, 2),
    "a secret where a name should be": ({"client_auth": SECRET}, {}, 2),
    "a secret where a number should be": ({"token_request": {"timeout": SECRET}}, {}, 2),
    "a secret that is a mapping of another kind": ({"client_secret": {"vault": SECRET}}, {}, 2),
    "a key that is none": ({"client_auth": "private_key_jwt", "private_key": PEM}, {}, 2),
    "a variable that is not set": ({"client_secret": {"env": "NOT_SET_ANYWHERE"}}, {}, 2),
}


@pytest.mark.parametrize("form", TOLD)
@pytest.mark.parametrize(("credential", "route", "status"), CHECKS.values(), ids=CHECKS)
def test_check(tmp_path: Path, form: str, credential: dict[str, Any], route: dict[str, Any], status: int) -> None:
    """A problem names file, line and key, and quotes no value that may be a secret."""
    written = config(tmp_path, "http://127.0.0.1:1/t", "http://127.0.0.1:1", credential, route)
    done = ran("check", *JSON[form], config=written, secrets=[SECRET, *PEM.splitlines()[1:2]])
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


HUNTED = "hunter2-of-the-export"
EXPORTS: dict[str, tuple[str, object, bool]] = {
    "cpi": (
        "cpi",
        {"Name": "CRM", "TokenServiceUrl": "https://login.example/t", "ClientId": "nightly", "ClientSecret": HUNTED, "Password": HUNTED},
        True,
    ),
    "destination": (
        "destination",
        {
            "Name": "crm",
            "Type": "HTTP",
            "URL": "https://api.example/v1",
            "Authentication": "OAuth2ClientCredentials",
            "clientId": "nightly",
            "clientSecret": HUNTED,
            "tokenServiceURL": "https://login.example/t",
            "tokenServicePassword": HUNTED,
            "URL.queries.apikey": HUNTED,
        },
        True,
    ),
    "service key": ("service-key", {"clientid": "nightly", "clientsecret": HUNTED, "url": "https://login.example", "extra": HUNTED}, True),
    "cpi, of another kind": ("cpi", {"clientsecret": HUNTED}, False),
    "destination, of another kind": ("destination", [HUNTED], False),
    "service key, of another kind": ("service-key", HUNTED, False),
}


@pytest.mark.parametrize("written", [False, True], ids=["to standard output", "to files"])
@pytest.mark.parametrize(("kind", "export", "understood"), EXPORTS.values(), ids=EXPORTS)
def test_import(tmp_path: Path, kind: str, export: object, understood: bool, written: bool) -> None:  # noqa: FBT001  # cells of a table
    """The secrets of an export go into files of their own alone; the YAML and what is told of it hold none."""
    (tmp_path / "export.json").write_text(json.dumps(export))
    places = ["--output", str(tmp_path / "material.yaml"), "--secrets-dir", str(tmp_path / "secrets")] if written else []
    done = ran("import", kind, str(tmp_path / "export.json"), *places, secrets=[HUNTED])
    assert (done.returncode in {0, PARTLY}) is understood, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert all(HUNTED not in file.read_text() for file in tmp_path.glob("*.yaml"))


def test_a_leak_is_found(tmp_path: Path) -> None:
    """What a command repeats of its arguments is what the search looks through."""
    ran("check", config=tmp_path / "hunter2-in-a-name.yaml", secrets=["hunter2-in-a-name"])
    assert [leak.partition(":")[0] for leak in WITNESS.take()] == ["bearerd check"]
