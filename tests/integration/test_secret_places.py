"""Secrets from every kind of place reach the token endpoint; rotated ones without a restart, and none reaches the log.

One bearerd with an alias for each place.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from tests.fakes.token_server import answer
from tests.integration.applications import until
from tests.integration.running import Bearerd, ran, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.raw import Exchange, RawUpstream
    from tests.fakes.token_server import TokenServer
    from tests.integration.applications import Caller
    from tests.integration.conftest import StartBearerd

MORE_THAN_THREADS = 33  # the loop's own pool has 32 at most


def credential(tokens: TokenServer, alias: str, secret: object) -> dict[str, Any]:
    return {
        "type": "oauth2_client_credentials",
        "token_url": tokens.token_url,
        "client_id": alias,
        "client_secret": secret,
        "client_auth": "client_secret_post",
    }


def route(alias: str, upstream: RawUpstream) -> dict[str, Any]:
    return {"prefix": f"/{alias}", "name": alias, "upstream": upstream.url, "credential": alias}


def printing(text: str) -> dict[str, Any]:
    """A program that prints `text`, where no shell would leave it alone."""
    return {"command": [sys.executable, "-S", "-c", "import sys; print(sys.argv[1])", text]}


async def test_every_place_is_read(tmp_path: Path, token_server: TokenServer, raw_upstream: RawUpstream, caller: Caller) -> None:
    """What stands in each place is sent, to the byte, and shown nowhere."""
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "crm").write_text("from-a-directory\n")
    (tmp_path / "plain").write_text("from-a-file\n")
    (tmp_path / "agent.json").write_text(json.dumps({"data": {"data": {"secret": "from-an-agent"}}}))
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "crm").write_text("from-systemd")
    places: dict[str, tuple[object, str]] = {
        "text": ("from-the-text", "from-the-text"),
        "env": ({"env": "CRM_SECRET"}, "from-a-variable"),
        "file": ({"file": "plain"}, "from-a-file"),
        "member": ({"file": "agent.json", "member": "data.data.secret"}, "from-an-agent"),
        "directory": ({"directory": "mounted", "name": "crm"}, "from-a-directory"),
        "command": (printing("from-a-program $HOME `id`"), "from-a-program $HOME `id`"),
        "systemd": ({"systemd_credential": "crm"}, "from-systemd"),
        "rotation": ({"current": {"env": "CRM_SECRET"}, "next": {"file": "not-there-yet"}}, "from-a-variable"),
    }
    aliases = {alias: credential(token_server, alias, secret) for alias, (secret, _) in places.items()}
    config = write_config(tmp_path, [route(alias, raw_upstream) for alias in places], aliases, {"log": {"level": "debug"}})
    env = {"CRM_SECRET": "from-a-variable", "CREDENTIALS_DIRECTORY": str(tmp_path / "units")}
    with Bearerd(config, env) as running:
        statuses = {alias: (await caller.get(f"{running.url}/{alias}")).status for alias in places}
    assert statuses == dict.fromkeys(places, 200)
    sent = {form["client_id"][0]: form["client_secret"][0] for form in token_server.forms()}
    assert sent == {alias: value for alias, (_, value) in places.items()}
    assert [value for value in sent.values() if value in running.said] == []


async def test_the_next_secret_of_a_rotation(
    tmp_path: Path, token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller
) -> None:
    """Where the server has moved on, `next` is used with no failed call; the log says once what to write."""
    (tmp_path / "next").write_text("new")

    async def moved_on(exchange: Exchange) -> None:
        good = b"client_secret=new" in exchange.request.body.data
        granted = {"access_token": f"t{len(token_server.requests)}", "token_type": "Bearer", "expires_in": 1}
        await answer(200 if good else 401, granted if good else {"error": "invalid_client"})(exchange)

    token_server.reply = moved_on
    secret = {"current": "old", "next": {"file": str(tmp_path / "next")}}
    running = bearerd(route("crm", raw_upstream), credentials={"crm": credential(token_server, "crm", secret)})

    async def renewed() -> bool:
        return (await caller.get(f"{running.url}/crm")).status == 200 and len(token_server.requests) >= 4

    await until(renewed)
    assert [form["client_secret"] for form in token_server.forms()][:4] == [["old"], ["new"], ["new"], ["new"]]
    assert [line["alias"] for line in running.events("next_secret_used")] == ["crm"]


async def test_a_program_that_fails(token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller) -> None:
    """The caller hears code and key; its status is for operators, and its output for nobody."""
    failing = {"command": [sys.executable, "-S", "-c", "import sys; print('half-a-secret'); sys.exit(4)"]}
    running = bearerd(route("crm", raw_upstream), credentials={"crm": credential(token_server, "crm", failing)})
    got = await caller.get(f"{running.url}/crm")
    assert (got.status, got.problem["code"], got.problem["key"]) == (502, "secret_unavailable", "credentials.crm.client_secret")
    assert running.wait_for(lambda line: "exited with status 4" in (line.get("log_detail") or ""))
    assert "half-a-secret" not in running.said + got.body.decode()
    assert token_server.requests == []


def files(folder: Path, pattern: str) -> int:
    return len(list(folder.glob(pattern)))


async def test_programs_that_hang_hold_up_nobody_else(
    tmp_path: Path, token_server: TokenServer, raw_upstream: RawUpstream, bearerd: StartBearerd, caller: Caller
) -> None:
    """However many do, another alias finds its token endpoint by name and is served; and all of them end with bearerd."""
    hanging = [f"hanging-{number}" for number in range(MORE_THAN_THREADS)]
    began = "import sys, time; open(sys.argv[1], 'w'); time.sleep(60)"
    programs = {
        name: {"command": [sys.executable, "-S", "-c", began, str(tmp_path / f"{name}.began")], "timeout": "60s"} for name in hanging
    }
    named = {**credential(token_server, "crm", "a-good-secret"), "token_url": token_server.token_url.replace("127.0.0.1", "localhost")}
    running = bearerd(
        *(route(alias, raw_upstream) for alias in ("crm", *hanging)),
        credentials={"crm": named, **{name: credential(token_server, name, secret) for name, secret in programs.items()}},
    )
    waiting = [asyncio.create_task(caller.get(f"{running.url}/{name}")) for name in hanging]

    async def all_began() -> bool:
        return files(tmp_path, "*.began") == len(hanging)

    await until(all_began)
    got = await caller.get(f"{running.url}/crm")
    assert (got.status, [task.done() for task in waiting]) == (200, [False] * len(hanging))
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_a_check_runs_no_program(tmp_path: Path) -> None:
    """A look at the configuration starts nothing."""
    note = tmp_path / "was-here"
    secret = {"command": [sys.executable, "-S", "-c", "import sys; open(sys.argv[1], 'w')", str(note)]}
    alias = {"type": "oauth2_client_credentials", "token_url": "http://127.0.0.1:1/t", "client_id": "i", "client_secret": secret}
    config = write_config(tmp_path, [{"prefix": "/crm", "upstream": "http://127.0.0.1:1", "credential": "crm"}], {"crm": alias}, {})
    done = ran("check", config=config, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not note.exists()
