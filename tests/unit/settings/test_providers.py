"""Presets: what the files say, how they lie beneath a credential, and what is said when something does not fit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from proxy.settings import SettingsError, load, providers
from proxy.settings.convert import Conversion, plain
from proxy.settings.problems import Findings
from proxy.settings.schema import ROOT
from proxy.settings.source import Node, parse

HEAD = """\
name: acme
documentation: https://acme.example/docs
tested: not tested against the vendor
"""
ACME = f"""{HEAD}values:
  tenant: {{is: the tenant}}
  region: {{is: the region, default: eu}}
credential:
  type: oauth2_client_credentials
  token_url: https://${{values.tenant}}.${{values.region}}.acme.example/token?v=2
  token_request: {{method: POST, params: [{{key: a, value: b}}]}}
"""


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    """One preset, called acme."""
    preset = providers.read(ACME.encode(), "acme.yaml")
    monkeypatch.setattr(providers, "names", lambda: ("acme",))
    monkeypatch.setattr(providers, "preset", {"acme": preset}.__getitem__)


def laid(text: str) -> tuple[Node, list[str]]:
    """The credential `crm` with its preset beneath it, and the findings."""
    findings = Findings()
    top = parse(text.encode(), "material.yaml", findings)
    assert top is not None
    node = providers.beneath(top.nearest("credentials", "crm"), Conversion(findings))
    try:
        findings.raise_if_any()
    except SettingsError as exc:
        return node, [str(problem) for problem in exc.problems]
    return node, []


def credential(*lines: str) -> str:
    return "\n    ".join(["credentials:\n  crm:", *lines]) + "\n"


def test_without_a_provider_nothing_is_laid_beneath() -> None:
    """A credential that names no provider stays as it is written."""
    node, told = laid(credential("type: x", "token_url: https://login.example"))

    assert (plain(node), told) == ({"type": "x", "token_url": "https://login.example"}, [])


def test_a_preset_says_what_the_user_does_not(acme: None) -> None:
    """Every key of the preset is there, its `type` and the default values among them."""
    node, told = laid(credential("provider: acme", "values: {tenant: t1}"))

    assert told == []
    assert plain(node) == {
        "provider": "acme",
        "type": "oauth2_client_credentials",
        "token_url": "https://${values.tenant}.${values.region}.acme.example/token?v=2",
        "token_request": {"method": "POST", "params": [{"key": "a", "value": "b"}]},
        "values": {"tenant": "t1", "region": "eu"},
    }


def test_the_users_own_key_stands_above_at_every_depth(acme: None) -> None:
    """A mapping is merged key by key; a list is the user's as a whole."""
    own = ["provider: acme", "type: x", "values: {tenant: t1, region: us}", "token_request: {method: GET, params: []}"]
    node, told = laid(credential(*own))

    assert told == []
    assert (plain(node)["type"], plain(node)["token_request"]) == ("x", {"method": "GET", "params": []})
    assert plain(node)["values"] == {"tenant": "t1", "region": "us"}


def test_a_presets_key_has_the_users_path_and_line(acme: None) -> None:
    """What is wrong with a preset's key is told at `provider`, under the alias."""
    node, _ = laid(credential("description: x", "provider: acme", "values: {tenant: t1}"))
    param = node.nearest("token_request", "params").items[0].nearest("key")

    assert (param.key, str(param.place)) == ("credentials.crm.token_request.params[0].key", "material.yaml:4:15")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param(
            ["provider: acm"],
            "material.yaml:3:15: credentials.crm.provider: expected acme",
            id="unknown provider",
        ),
        pytest.param(
            ["provider: acme"],
            "material.yaml:3:15: credentials.crm.values.tenant: this key is missing: provider acme needs the tenant",
            id="no values",
        ),
        pytest.param(
            ["provider: acme", "values: {tenat: t1}"],
            "material.yaml:4:13: credentials.crm.values.tenant: this key is missing: provider acme needs the tenant"
            "; is 'tenat' meant for it?",
            id="another name",
        ),
        pytest.param(
            ["provider: [acme]"],
            "material.yaml:3:15: credentials.crm.provider: expected acme",
            id="no text",
        ),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(lines: list[str], told: str, acme: None) -> None:
    """Line, key, the preset's name and what the value is."""
    assert laid(credential(*lines))[1] == [told]


FORMED = """\
  tenant: {is: the tenant, form: name}
  region: {is: the region, default: eu, form: name}
"""


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param(
            ["provider: acme", "values: {tenant: 'https://t1'}"],
            "4:22: credentials.crm.values.tenant: expected a name without spaces or /",
            id="URL",
        ),
        pytest.param(
            ["provider: acme", "values: {tenant: t1, region: us.acme.example}"],
            "4:34: credentials.crm.values.region: the provider adds .acme.example itself; write us",
            id="what the preset adds",
        ),
        pytest.param(
            ["provider: acme", "values: {tenant: {env: TENANT}}"],
            "4:22: credentials.crm.values.tenant: the variable holds another form: expected a name without spaces or /",
            id="variable",
        ),
        pytest.param(
            ["provider: acme", "tenant: t1"],
            "4:5: credentials.crm.values.tenant: provider acme reads it under `values`; write values: {tenant: ...}",
            id="not under values",
        ),
        pytest.param(
            ["provider: acme", "region: us", "values: {tenant: t1}"],
            "4:5: credentials.crm.values.region: provider acme reads it under `values`; write values: {region: ...}",
            id="one with a default not under values",
        ),
    ],
)
def test_a_value_of_another_form_is_told_at_its_place(lines: list[str], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Once, and nothing is said of the URL that it would have made, nor of a key that is none."""
    text = re.sub(r"(?m)(^  (tenant|region):.*\n)+", FORMED, ACME)
    preset = providers.read(text.encode(), "acme.yaml")
    monkeypatch.setattr(providers, "names", lambda: ("acme",))
    monkeypatch.setattr(providers, "preset", {"acme": preset}.__getitem__)
    monkeypatch.setenv("TENANT", "a b")
    (tmp_path / "material.yaml").write_text(credential(*lines, "client_id: a", "client_secret: {env: TENANT}"))
    monkeypatch.chdir(tmp_path)
    Path("proxy.yaml").write_text(
        "security_material: [material.yaml]\nroutes: [{prefix: /, upstream: 'https://a.example', credential: crm}]\n"
    )

    with pytest.raises(SettingsError) as caught:
        load([Path("proxy.yaml")])

    assert [str(problem) for problem in caught.value.problems] == [f"material.yaml:{told}"]


def test_the_nearest_provider_is_named() -> None:
    """One letter too few is enough to find it."""
    assert "did you mean salesforce?" in laid(credential("provider: salesfore"))[1][0]


def test_a_value_that_nothing_uses_any_more_is_not_asked_for(acme: None) -> None:
    """Whoever writes the URL themselves needs no tenant."""
    assert laid(credential("provider: acme", "token_url: https://login.example/token"))[1] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "name: expected text, got nothing", id="empty"),
        pytest.param(HEAD + "credential: {type: x}\nvalue: {}\n", "value: unknown key; did you mean `values`?", id="unknown key"),
        pytest.param(HEAD.replace("acme", "acne", 1) + "credential: {type: x}\n", "name: expected acme, as the file is", id="name"),
        pytest.param(HEAD, "credential.type: this key is missing", id="no type"),
        pytest.param(HEAD + "values: {a: {}}\ncredential: {type: x}\n", "values.a.is: expected text, got nothing", id="no meaning"),
        pytest.param(HEAD + "values: {a: {is: x, of: y}}\ncredential: {type: x}\n", "values.a: unknown key", id="more than a meaning"),
        pytest.param(HEAD + "values: {a: {is: x, form: y}}\ncredential: {type: x}\n", "values.a.form: expected host, base", id="form"),
        pytest.param("name: [", "not valid YAML", id="no YAML"),
    ],
)
def test_a_preset_is_read_strictly(text: str, told: str) -> None:
    """A preset with a fault is no preset."""
    with pytest.raises(SettingsError) as caught:
        providers.read(text.encode(), "acme.yaml")

    assert told in str(caught.value)


@pytest.mark.parametrize("name", providers.names())
def test_a_shipped_preset_is_whole(name: str) -> None:
    """It loads, says that the vendor never saw it, and asks for no value that it does not use."""
    found = providers.preset(name)
    text = str(plain(found.credential))

    assert found.tested == "not tested against the vendor"
    assert found.documentation.startswith("https://")
    assert set(re.findall(r"\$\{values\.(\w+)\}", text)) == set(found.values)


@pytest.mark.parametrize("name", providers.names())
def test_a_shipped_preset_holds_no_secret(name: str) -> None:
    """Secrets are the user's to say: the keys that hold one are templates or not there."""

    def held(value: Any) -> list[str]:
        match value:
            case dict():
                own = [key for key in ("client_secret", "password", "private_key", "refresh_token") if isinstance(value.get(key), str)]
                return own + [deeper for key, part in value.items() if key != "token_response" for deeper in held(part)]
            case list():
                return [deeper for part in value for deeper in held(part)]
            case _:
                return []

    assert held(plain(providers.preset(name).credential)) == []


DOCS = ROOT / "docs" / "providers.md"
EXAMPLES = ROOT / "config" / "examples" / "providers"


def written(name: str) -> list[str]:
    """The credentials that a user of this preset writes: the example's lines, alias included; one of several ways, all of several steps."""
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8").partition("credentials:\n")[2]
    lines = [line.partition(" #")[0].rstrip() for line in text.splitlines()]
    blocks = re.split(r"\n(?=  \S)", "\n".join(line for line in lines if line))
    return [line for block in blocks if "provider:" not in block or block is blocks[0] for line in block.split("\n")]


def row(name: str) -> str:
    """What the table of docs/providers.md has to say of a preset."""
    found = providers.preset(name)
    values = ", ".join(f"`{value}`" + ("" if said.default is None else f" ({plain(said.default)})") for value, said in found.values.items())
    said = plain(found.credential)
    example = f"[{len(written(name))} lines](../config/examples/providers/{name}.yaml)"
    cells = [f"`{name}`", values or "none", f"`{said['type']}`", f"`{said.get('client_auth', '-')}`", example, "a fake"]
    return f"| {' | '.join(cells)} | {found.tested}: [documentation]({found.documentation}) |"


def test_the_documentation_has_a_row_for_every_preset() -> None:
    """The table is what the files say, and the YAML of the page is the example's."""
    text = DOCS.read_text(encoding="utf-8")

    assert [line for line in text.splitlines() if line.startswith("| `")] == [row(name) for name in providers.names()]
    assert "\n".join(written("salesforce")) in re.sub(r" +#.*", "", text)


def test_the_median_of_lines_is_the_one_that_is_told() -> None:
    """Eight lines or fewer at the median, and the page says how many."""
    lines = median(len(written(name)) for name in providers.names())

    assert lines <= 8
    assert f"{lines:g} lines at the median" in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", providers.names())
def test_the_values_of_an_example_are_the_presets(name: str) -> None:
    """An example says every value that has no default, and none that the preset does not have."""
    said = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))["credentials"]
    found = providers.preset(name)
    for credential in (each for each in said.values() if "provider" in each):
        values = set(credential.get("values", {}))

        assert {value for value, meant in found.values.items() if meant.default is None} <= values <= set(found.values)


def test_the_presets_of_a_checkout_are_those_beside_the_package() -> None:
    """An editable install reads what a developer edits."""
    assert providers.folder() == ROOT / "config" / "providers"
    assert len(providers.names()) >= 20


def test_a_wheel_and_an_sdist_hold_the_presets(tmp_path: Path) -> None:
    """Installed from a wheel, without the checkout, the package finds every preset."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", tmp_path], cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    installed = tmp_path / "site"
    shutil.unpack_archive(wheel, installed, "zip")
    told = subprocess.run(
        [sys.executable, "-c", "from proxy.settings import providers as p; print(p.folder(), *(p.preset(n).name for n in p.names()))"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert told.stdout.split() == [str(installed / "proxy" / "providers"), *providers.names()]
    with tarfile.open(sdist) as files:
        assert sorted(Path(name).stem for name in files.getnames() if "/config/providers/" in name) == list(providers.names())
