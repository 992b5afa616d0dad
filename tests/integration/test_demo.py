"""The demonstration keeps its word: it shows the whole job, judges by what happened, and leaves nothing behind.

Its authorization server is held to the protocol too, since every line rests on it.
"""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import ClientSession, FormData, encode_basic_auth
from rich.console import Console

from proxy.cli.demo import perform
from proxy.cli.demonstration.application import Application
from proxy.cli.demonstration.authorization_server import AuthorizationServer, Client
from proxy.cli.demonstration.steps import STEPS
from tests.integration.running import ROOT, leashed, ran

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from proxy.cli.demonstration.stage import Stage
    from proxy.cli.demonstration.step import Outcome

COLUMNS = 90
SECONDS = 60
LINES = [("\u2713", step.name, step.done) for step in STEPS]


def surroundings(temporary: Path) -> dict[str, str]:
    return {"TMPDIR": str(temporary), "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(temporary: Path) -> subprocess.CompletedProcess[str]:
    """A whole `bearerd demo --once`."""
    return ran("demo", "--once", env=surroundings(temporary), timeout=SECONDS)


def test_it_ends_well(shown: subprocess.CompletedProcess[str]) -> None:
    """`--once` ends with status 0 within a minute and says nothing on standard error."""
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout


def test_every_line_is_as_it_should_be(shown: subprocess.CompletedProcess[str]) -> None:
    """Each step has its line and its tick, in order, and the sum comes last."""
    rows = re.findall(r"^(\S) (\S) (.{36})", shown.stdout, re.MULTILINE)
    assert [(mark, name, done.strip()) for mark, name, done in rows] == LINES
    assert re.search(r"^\u2713   in all .* \d+ calls, 5 token requests", shown.stdout, re.MULTILINE)


def test_it_shows_no_secret(shown: subprocess.CompletedProcess[str]) -> None:
    """Its clients' secrets and its tokens are drawn anew at every start, so that nothing as long and as dense as one may be seen."""
    assert re.findall(r"[A-Za-z0-9_-]{24,}", shown.stdout) == []


@pytest.mark.parametrize(
    "evidence",
    [
        'bearerd; details="token_replaced; refused after',
        "change credentials.shop.scope; not retried",
        'details="retried; status_503, sent 2 times',
        "routes[0].credential: no credential 'shpo'; did you mean 'shop' (security-material.yaml:2)?",
    ],
)
def test_bearerds_own_words_are_quoted(evidence: str, shown: subprocess.CompletedProcess[str]) -> None:
    """What an engineer will meet in an answer or at start stands in the demonstration word by word."""
    assert evidence in " ".join(shown.stdout.split())


def test_it_fits_the_screen(shown: subprocess.CompletedProcess[str]) -> None:
    """No line is wider than 90 columns, and no colour goes where there is no terminal."""
    assert max(map(len, shown.stdout.splitlines())) <= COLUMNS
    assert "\x1b" not in shown.stdout


def test_it_leaves_nothing_behind(shown: subprocess.CompletedProcess[str], temporary: Path) -> None:
    """Its files are gone, and nobody listens where bearerd did."""
    assert list(temporary.iterdir()) == []
    assert not listens(re.findall(r"bearerd (127\.0\.0\.1:\d+)", shown.stdout)[0])


def listens(place: str) -> bool:
    host, _, port = place.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_a_line_that_is_not_as_it_should_be_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One expectation that does not hold ends with status 1 and names what was expected and what was seen."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    screen = io.StringIO()
    steps = (STEPS[0], replace(STEPS[1], token_requests=0), STEPS[2])
    assert perform(Console(file=screen, width=COLUMNS), once=True, steps=steps) == 1
    said = " ".join(screen.getvalue().split())
    assert "token requests at the authorization server: expected 0, saw 1" in said
    assert "2 of 4 lines are not as they should be" in said
    assert list(tmp_path.iterdir()) == []


def without_bearerd(stage: Stage) -> Outcome:
    stage.bearerd.stop()
    return STEPS[0].run(stage)


def test_a_part_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bearerd that died is a line that failed, not a traceback."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    screen = io.StringIO()
    steps = (replace(STEPS[0], run=without_bearerd), STEPS[1])
    assert perform(Console(file=screen, width=COLUMNS), once=True, steps=steps) == 1
    assert "every part answers: expected an answer, saw" in " ".join(screen.getvalue().split())


def started(temporary: Path) -> subprocess.Popen[str]:
    """`bearerd demo` without `--once`."""
    return subprocess.Popen(
        leashed(sys.executable, "-m", "proxy", "demo"),
        cwd=ROOT,
        env={**os.environ, **surroundings(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(running: subprocess.Popen[str], mark: str) -> str:
    """What it says up to the line with `mark`."""
    assert running.stdout is not None
    said = ""
    while mark not in said:
        line = running.stdout.readline()
        assert line, said
        said += line
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_ends_everything(number: signal.Signals, tmp_path: Path) -> None:
    """Ended in the midst of its lines, twice even, it ends with status 1 and leaves no process and no file."""
    with started(tmp_path) as running:
        head = until(running, "first call")
        running.send_signal(number)
        running.send_signal(number)
        _, error = running.communicate(timeout=SECONDS)
    assert (running.returncode, error) == (1, "")
    assert list(tmp_path.iterdir()) == []
    assert not listens(re.findall(r"bearerd (127\.0\.0\.1:\d+)", head)[0])


def test_without_once_the_parts_stay_up(tmp_path: Path) -> None:
    """After the last line the parts still serve, the printed commands name them, and Ctrl-C ends with status 0."""
    with started(tmp_path) as running:
        said = until(running, "security-material.yaml\n")
        url = re.findall(r"curl -i (http://\S+)/shop/orders", said)[0]
        field, console = re.findall(r"curl -d (\S+) (http://\S+)/console/revoke", said)[0]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        with closing(Application(console)) as operator, closing(Application(url)) as application:
            revoked = operator.call("POST", "/console/revoke", field.encode(), form)
            healed = application.get("/shop/orders")
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=SECONDS)
    assert revoked.body == b'{"revoked": 1}'
    assert (healed.status, "token_replaced" in healed.proxy_status) == (200, True)
    assert (running.returncode, error) == (0, "")
    assert list(tmp_path.iterdir()) == []
    assert not listens(urlsplit(url).netloc)


BASIC = Client("basic", frozenset({"read", "write"}))
POST = Client("post", frozenset({"read"}), "client_secret_post")
BRIEF = Client("brief", frozenset({"read"}), lifetime=0)


def form(client: Client | None = None, secret: str = "", **fields: str) -> FormData:
    told = {"grant_type": "client_credentials", **fields}
    return FormData({**told, "client_id": client.id, "client_secret": secret or client.secret} if client else told)


def basic(client: Client, secret: str = "") -> dict[str, str]:
    return {"Authorization": encode_basic_auth(client.id, secret or client.secret)}


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[AuthorizationServer]:
    async with AuthorizationServer([BASIC, POST, BRIEF]) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "data", "status", "error"),
    [
        pytest.param(basic(BASIC), form(), 200, None, id="basic"),
        pytest.param({}, form(POST), 200, None, id="post"),
        pytest.param(basic(BASIC), form(scope="write"), 200, None, id="narrower scope"),
        pytest.param(basic(BASIC), form(scope="read admin"), 400, "invalid_scope", id="wider scope"),
        pytest.param(basic(BASIC, "wrong"), form(), 401, "invalid_client", id="wrong secret"),
        pytest.param({}, form(POST, "wrong"), 401, "invalid_client", id="wrong secret in the form"),
        pytest.param(basic(POST), form(), 401, "invalid_client", id="basic where post is registered"),
        pytest.param({}, form(BASIC), 401, "invalid_client", id="post where basic is registered"),
        pytest.param(basic(BASIC), form(BASIC), 400, "invalid_request", id="both"),
        pytest.param({}, form(), 401, "invalid_client", id="neither"),
        pytest.param({"Authorization": "Basic ***"}, form(), 401, "invalid_client", id="unreadable"),
        pytest.param(basic(BASIC), form(grant_type="password"), 400, "unsupported_grant_type", id="another grant"),
    ],
)
async def test_the_token_endpoint_judges(
    headers: dict[str, str], data: FormData, status: int, error: str | None, server: AuthorizationServer
) -> None:
    """A token goes to a client that proves itself in its registered way and asks for no more than it may; all are counted."""
    async with ClientSession() as session, session.post(f"{server.url}/token", headers=headers, data=data) as answer:
        told = await answer.json()
    assert (answer.status, told.get("error"), "access_token" in told) == (status, error, error is None)
    assert answer.headers["Cache-Control"] == "no-store"
    assert server.token_requests == 1


@pytest.mark.parametrize(
    ("client", "revoke", "active"),
    [
        pytest.param(BASIC, "", True, id="live"),
        pytest.param(BASIC, "brief", True, id="another client's revoked"),
        pytest.param(BASIC, "basic", False, id="revoked"),
        pytest.param(BRIEF, "", False, id="expired"),
    ],
)
async def test_introspection_tells_a_live_token(client: Client, revoke: str, active: bool, server: AuthorizationServer) -> None:  # noqa: FBT001  # a column
    """Only a token that was issued, has not ended and was not revoked is active."""
    async with ClientSession() as session:
        async with session.post(f"{server.url}/token", headers=basic(client), data=form()) as issued:
            token = (await issued.json())["access_token"]
        await session.post(f"{server.url}/console/revoke", data={"client_id": revoke})
        async with session.post(f"{server.url}/introspect", headers=basic(BASIC), data={"token": token}) as answer:
            assert (await answer.json())["active"] is active
