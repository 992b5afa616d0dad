"""Every preset against a fake that behaves as the vendor's documentation says; no vendor was asked.

The YAML is that of the example: only hosts are replaced by those of loopback, paths and queries stay the preset's.
"""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import yaml

from proxy.settings import providers
from proxy.settings.convert import plain
from tests.fakes.vendors import keys
from tests.fakes.vendors.catalogue import VENDORS
from tests.fakes.vendors.identity import FEDERATED
from tests.fakes.vendors.vendor import Fault, Vendor, VendorServer
from tests.integration.running import ROOT, Bearerd, write_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.integration.applications import Caller

EXAMPLES = ROOT / "config" / "examples" / "providers"
HOST = re.compile(r"https://[^/]+|\$\{values\.url\}")
FAULTS = [pytest.param((name, fault), id=f"{name}-{fault.name}") for name, vendor in sorted(VENDORS.items()) for fault in vendor.faults]


def example(name: str) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    return said


def over(said: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`more` laid over what is said, at every depth; None takes a key away."""
    merged = dict(said)
    for key, value in more.items():
        below = merged.get(key)
        merged[key] = over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return {key: value for key, value in merged.items() if value is not None}


def moved(credential: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The credential with every token URL on the fake; a JWT still names the vendor as its audience."""
    name = credential.get("provider")
    preset = plain(providers.preset(name).credential) if name else {}
    said = {**preset, **credential}
    if "token_url" not in said:
        return dict(credential)
    here = {"token_url": HOST.sub(url, said["token_url"], count=1), "allow_plaintext": True}
    if "private_key" in credential and "audience" not in said.get("assertion", {}) | preset.get("assertion", {}):
        here["assertion"] = {"audience": said["token_url"]}
    return over(credential, here)


def first(credentials: Mapping[str, Any]) -> str:
    return next(iter(credentials))


def configured(name: str, vendor: Vendor, url: str, faults: tuple[Fault, ...]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Routes and credentials of the example, and one of each for every fault."""
    said = example(name)
    credentials = {alias: moved(credential, url) for alias, credential in said["credentials"].items()}
    hosts = {"allowed_hosts": ["127.0.0.1"]} if "upstream" in plain(providers.preset(name).credential).get("token_response", {}) else {}
    credentials = {alias: over(credential, hosts if "provider" in credential else {}) for alias, credential in credentials.items()}
    routes = [over(route, {"upstream": f"{url}/upstream", "retry": {"attempts": 1}}) for route in said["routes"]]
    for index, fault in enumerate(faults):
        change = dict(fault.change)
        if "token_url" in change:
            change["token_url"] = f"{url}{change['token_url']}"
        credentials[f"fault{index}"] = over(credentials[first(said["credentials"])], change)
        routes.append(over(routes[0], {"prefix": f"/fault{index}", "credential": f"fault{index}"}))
    return routes, credentials


def write_files(folder: Path, credentials: Mapping[str, Any]) -> None:
    """What the example's {file: ...} name: the registered key, its certificate, the platform's token."""
    contents = {".pem": keys.private_key(), ".crt": keys.certificate(), "": FEDERATED}
    for credential in credentials.values():
        for value in credential.values():
            if isinstance(value, dict) and "file" in value:
                path = folder / value["file"]
                path.parent.mkdir(exist_ok=True)
                path.touch(0o600)
                path.write_text(contents[path.suffix])


@dataclass(frozen=True, slots=True)
class Stage:
    """bearerd with the example of one preset, and the vendor behind it."""

    name: str
    vendor: Vendor
    server: VendorServer
    bearerd: Bearerd


class Stages:
    """A stage for each vendor, set up when a test first asks for it."""

    def __init__(self, folders: pytest.TempPathFactory, running: AsyncExitStack) -> None:
        self._folders = folders
        self._running = running
        self._stages: dict[str, Stage] = {}

    async def of(self, name: str) -> Stage:
        """The stage of this vendor."""
        if name not in self._stages:
            vendor = VENDORS[name]
            server = await self._running.enter_async_context(VendorServer(vendor))
            folder = self._folders.mktemp(name)
            routes, credentials = configured(name, vendor, server.url, vendor.faults)
            write_files(folder, credentials)
            running = self._running.enter_context(Bearerd(write_config(folder, routes, credentials, {}), env=vendor.secrets))
            self._stages[name] = Stage(name, vendor, server, running)
        return self._stages[name]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stages(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stages]:
    """Set up one by one, ended with the module."""
    async with AsyncExitStack() as running:
        yield Stages(tmp_path_factory, running)


def test_every_preset_has_a_vendor_and_an_example() -> None:
    """Nothing is shipped that no test has seen."""
    assert sorted(VENDORS) == list(providers.names()) == sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


@pytest.mark.parametrize("name", providers.names())
async def test_a_call_carries_the_token_as_the_vendor_wants_it(name: str, stages: Stages, caller: Caller) -> None:
    """Each route of the example reaches the API, which takes nothing but the vendor's token in the vendor's place."""
    stage = await stages.of(name)
    for route in example(name)["routes"]:
        got = await caller.get(f"{stage.bearerd.url}{route['prefix']}/thing")

        assert (got.status, got.body) == (200, b'{"path": "%s"}' % stage.vendor.path.encode()), got.body


@pytest.mark.parametrize("case", FAULTS)
async def test_a_documented_refusal_names_the_key(case: tuple[str, Fault], stages: Stages, caller: Caller) -> None:
    """The vendor's own words become bearerd's code, and the key that repairs it; the API is not called."""
    name, fault = case
    stage = await stages.of(name)
    index = stage.vendor.faults.index(fault)
    before = len(stage.server.called)
    got = await caller.get(f"{stage.bearerd.url}/fault{index}/thing")

    assert (got.problem["code"], got.problem["origin"]) == (fault.code, "token_endpoint"), got.problem
    repair = f"change credentials.fault{index}.{fault.key}" if fault.key else "nothing to change"
    assert repair in got.problem["detail"], got.problem["detail"]
    assert len(stage.server.called) == before


async def test_no_secret_is_said(stages: Stages, caller: Caller) -> None:
    """Over all vendors and their refusals, bearerd's lines hold neither a secret nor a token."""
    for name in providers.names():
        stage = await stages.of(name)
        for secret in (*stage.vendor.secrets.values(), *stage.vendor.wants.values(), keys.private_key().split("\n")[1]):
            assert secret == "Walmart Marketplace" or secret.removeprefix("Bearer ") not in stage.bearerd.said, (name, secret)
