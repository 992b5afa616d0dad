"""The README's examples, run as they stand: only hosts and ports are those of loopback."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest

from proxy.settings import SettingsError, load
from tests.fakes.raw import say
from tests.integration.running import Bearerd, ran

if TYPE_CHECKING:
    from tests.fakes.raw import RawUpstream
    from tests.fakes.token_server import TokenServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINKS = re.findall(r"\]\(([^)#:]+)\)", README)


def block(beginning: str) -> str:
    """The one code block that begins so."""
    found = [text for _, text in BLOCKS if text.startswith(beginning)]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The README's two files and the secret, in a folder; the configuration's path."""
    (tmp_path / "secret.txt").write_text("s3cret\n")
    (tmp_path / "secret.txt").chmod(0o600)
    (tmp_path / "security-material.yaml").write_text(block("# security-material.yaml\n"))
    path = tmp_path / "proxy.yaml"
    path.write_text(block("# proxy.yaml\n"))
    return path


@pytest.mark.parametrize("target", LINKS)
def test_each_link_leads_somewhere(target: str) -> None:
    """Every relative link of the README names something that is there."""
    assert (ROOT / target).exists()


def test_the_files_load(files: Path) -> None:
    """The two YAML files are a configuration without a warning, and forward as their comment says."""
    settings = load([files])
    assert settings.warnings == ()
    assert [(route.prefix, str(route.upstream), route.credential) for route in settings.routes] == [
        ("/crm", "https://api.example.com/v2", "crm")
    ]


def test_a_wrong_alias_is_told_as_shown(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that the README shows for a wrong alias is the line that is said."""
    monkeypatch.chdir(files.parent)
    files.write_text(files.read_text().replace("credential: crm", "credential: crn"))
    with pytest.raises(SettingsError) as caught:
        load([Path("proxy.yaml")])
    assert "".join(f"{problem}\n" for problem in caught.value.problems) == block("proxy.yaml:")


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_wrong_alias_ends_with_status_2(files: Path, command: str) -> None:
    """Whoever starts a broken configuration gets its problems and status 2, and no traceback."""
    files.write_text(files.read_text().replace("credential: crm", "credential: crn"))
    done = ran(command, config=files)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


async def test_one_line_serves(tmp_path: Path, raw_upstream: RawUpstream, token_server: TokenServer) -> None:
    """The one line of the README, followed by its curl, makes an authorised call."""
    raw_upstream.reply = say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
    (tmp_path / "secret.txt").write_text("s3cret\n")
    words = shlex.split(block("bearerd run --upstream").replace("\\\n", ""))
    placed = {
        "https://api.example.com": raw_upstream.url,
        "https://login.example.com/oauth2/token": token_server.token_url,
        "secret.txt": str(tmp_path / "secret.txt"),
    }
    arguments = [placed.get(word, word) for word in words[2:]]
    path = block("curl http://127.0.0.1:6750").split(":6750")[1].strip()
    with Bearerd(None, arguments=(*arguments, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")) as running:
        async with aiohttp.ClientSession() as session, session.get(running.url + path) as answer:
            assert (answer.status, await answer.text()) == (200, "[]")
    (sent,) = raw_upstream.requests
    assert (sent.target, sent.head.all("authorization")) == (path.encode(), [f"Bearer {token_server.issued[0]}".encode()])
    assert token_server.forms()[0]["scope"] == ["orders.read"]
