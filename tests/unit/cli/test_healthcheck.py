"""`bearerd healthcheck`: what it asks, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.settings.model import Admin
from tests.fakes.raw import say
from tests.fakes.token_server import answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.raw import RawUpstream
    from tests.unit.cli.conftest import Configure, Run


async def test_alive(run: Run, configure: Configure, api: RawUpstream) -> None:
    """An instance that answers /healthz with 200 is healthy."""
    configure(admin={"address": f"127.0.0.1:{api.port}"})
    told = await run("healthcheck")
    assert (told.exit_code, told.stdout, api.requests[0].target) == (0, "healthy\n", b"/healthz")


async def test_unwell(run: Run, configure: Configure, api: RawUpstream) -> None:
    """Any other status is not."""
    configure(admin={"address": f"127.0.0.1:{api.port}"})
    api.script.append(answer(503))
    told = await run("healthcheck")
    assert (told.exit_code, told.stderr) == (1, f"127.0.0.1:{api.port} answered 503\n")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "unix:/nowhere/admin.sock"])
async def test_nobody_there(run: Run, configure: Configure, address: str) -> None:
    """Nobody at the admin listener's address, of whatever form, is told with that address."""
    configure(admin={"address": address})
    told = await run("healthcheck")
    assert (told.exit_code, told.stderr.partition(":")[0]) == (1, f"no answer on {address}".partition(":")[0])


async def test_not_http(run: Run, configure: Configure, api: RawUpstream) -> None:
    """What is not HTTP is not bearerd, and no traceback."""
    configure(admin={"address": f"127.0.0.1:{api.port}"})
    api.script.append(say(b"220 mail.example ESMTP\r\n", close=True))
    assert (await run("healthcheck")).exit_code == 1


BROKEN = {
    "a secret is missing": "admin: {address: HERE}\nroutes: []\ncredentials: {crm: {client_secret: {file: /nowhere}}}\n",
    "a fault behind it": 'admin:\n  address: HERE\nroutes:\n - "\n',
    "a fault before it": 'routes:\n - "a\n - b: [\nadmin:\n  # where\n  address: HERE\n\nlog: {\n',
    "one line, and its end": '{"log": {"level": ["x"]}, "admin": {"address": "HERE"}, "routes": [',
    "not UTF-8": "admin: {address: HERE}\nroutes: \udcff\n",
    "a variable": "admin: {address: {env: ADMIN}}\n",
    "a variable, and a fault": "admin: {address: {env: ADMIN}}\nroutes: [\n",
    "an anchor": "log: {level: &a HERE}\nadmin: {address: *a}\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
async def test_a_broken_edit_is_no_sickness(run: Run, folder: Path, api: RawUpstream, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The address is found whatever else is wrong with the file: the instance runs with what was there before."""
    address = f"127.0.0.1:{api.port}"
    monkeypatch.setenv("ADMIN", address)
    (folder / "bad.yaml").write_bytes(text.replace("HERE", address).encode("utf-8", "surrogateescape"))
    told = await run("healthcheck", "--config", "bad.yaml")
    assert (told.exit_code, told.output) == (0, "healthy\n")


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (None, "bad.yaml: cannot be read: No such file or directory\n"),
        ("routes: [", "bad.yaml: no admin.address can be read in it\n"),
        ("admin: {address: here}", "bad.yaml: no admin.address can be read in it\n"),
        ("routes: []", ""),
    ],
)
async def test_the_default_is_asked_and_doubted(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, doubt: str
) -> None:
    """Where no address can be read the default is asked; that it is one is said when nobody answers there."""
    monkeypatch.setattr("proxy.cli.admin_address.Admin", lambda: Admin(address="127.0.0.1:1"))
    if text is not None:
        (folder / "bad.yaml").write_text(text)
    told = await run("healthcheck", "--config", "bad.yaml")
    assert (told.exit_code, told.stderr) == (1, f"no answer on 127.0.0.1:1: Connection refused\n{doubt}")


async def test_flags_say_the_address(run: Run, api: RawUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file the address is that of --admin or of its variable, and nothing else need be said."""
    by_flag = await run("healthcheck", "--admin", f"127.0.0.1:{api.port}")
    monkeypatch.setenv("BEARERD_ADMIN", f"127.0.0.1:{api.port}")
    assert (by_flag.exit_code, (await run("healthcheck")).exit_code) == (0, 0)


@pytest.mark.parametrize("arguments", [("--admin", "here"), ("--config", "")])
async def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    """What was typed wrongly is no sick instance."""
    assert (await run("healthcheck", *arguments)).exit_code == 2
