"""One route from flags: what it comes to, and how its problems name the flags."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from proxy.http.address import UpstreamURL
from proxy.http.routing import Route
from proxy.oauth.grants import ClientCredentials
from proxy.secrets.sources import Env, File, Text
from proxy.settings import SettingsError, load_single
from proxy.settings.convert import fields
from proxy.settings.model import Listener
from proxy.settings.single import FLAGS, in_a_file, variable

if TYPE_CHECKING:
    from proxy.secrets import Secret
    from proxy.settings.model import Settings

Write = Callable[[str, str | bytes], Path]

GOOD = {"upstream": "https://api.example/v1", "token-url": "https://login.example/token", "client-id": "a", "client-secret": "hunter2"}


def secret_of(settings: Settings) -> Secret | None:
    """The client secret of the one credential."""
    endpoint = settings.credentials["default"].endpoint
    return endpoint.client_secret if endpoint else None


def test_flags_make_one_route() -> None:
    """What is not said has the defaults of a file, and the prefix is /."""
    settings = load_single({**GOOD, "scope": "a b", "prefix": None})

    (route,) = settings.routes
    credential = settings.credentials["default"]
    assert (route.prefix, route.upstream, route.credential) == ("/", UpstreamURL.parse("https://api.example/v1"), "default")
    assert credential.scope == ("a", "b")
    assert secret_of(settings) == Text("hunter2")
    assert settings.listeners[0].address == "127.0.0.1:6750"
    assert settings.files == ()


def test_flags_say_more() -> None:
    """Prefix, addresses and permissions come from their flags."""
    settings = load_single(
        {
            **GOOD,
            "prefix": "/x",
            "upstream": "http://api",
            "allow-plaintext": "true",
            "listen": "0.0.0.0:0",
            "allow-anonymous": "1",
            "admin": "[::1]:0",
        }
    )

    assert settings.routes[0].prefix == "/x"
    assert (settings.listeners[0].address, settings.admin.address) == ("0.0.0.0:0", "[::1]:0")


def test_a_secret_in_its_variable_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret from the environment is read when used, and brings no warning."""
    monkeypatch.setenv("BEARERD_CLIENT_SECRET", "hunter2")

    settings = load_single(GOOD)

    assert secret_of(settings) == Env("BEARERD_CLIENT_SECRET")
    assert settings.warnings == ()


def test_a_secret_in_a_file_stays_there(write: Write) -> None:
    """The file is relative to the current directory."""
    write("s/one", "hunter2").chmod(0o600)

    settings = load_single({**GOOD, "client-secret": None, "client-secret-file": "s/one"})

    assert secret_of(settings) == File("s/one")


BROKEN = {
    "nothing": (
        dict.fromkeys(FLAGS),
        [
            "--upstream: missing; say --upstream or BEARERD_UPSTREAM",
            "--token-url: missing; say --token-url or BEARERD_TOKEN_URL",
            "--client-id: missing; say --client-id or BEARERD_CLIENT_ID",
            "--client-secret-file: missing; say --client-secret-file or BEARERD_CLIENT_SECRET",
        ],
    ),
    "two secrets": (
        {**GOOD, "client-secret-file": "x"},
        [
            "--client-secret-file: said together with --client-secret; say one of them",
            "--client-secret-file: secret file x: No such file or directory",
        ],
    ),
    "wrong values": (
        {**GOOD, "upstream": "http://api.example", "token-url": "login", "prefix": "x", "listen": "80", "allow-anonymous": "maybe"},
        [
            "--allow-anonymous: expected true or false, got text",
            "--token-url: expected a URL that starts with https:// or http:// and names a host",
            "--prefix: a prefix begins with /: write /x",
            "--upstream: http shows everything on the way; write https, or --allow-plaintext",
            "--listen: expected host:port, [::1]:port or unix:/path",
        ],
    ),
    "advice that a file could follow": (
        {**GOOD, "upstream": "http://169.254.169.254", "listen": "0.0.0.0:0", "admin": "0.0.0.0:0"},
        [
            "--upstream: a link-local or metadata address is not called",
            "--listen: callers off this machine are not authenticated; listen on loopback, or say --allow-anonymous",
            "--admin: the admin listener stays on loopback",
        ],
    ),
    "something missing, the rest wrong": (
        {"upstream": "ftp://api.example", "client-id": "a"},
        [
            "--token-url: missing; say --token-url or BEARERD_TOKEN_URL",
            "--client-secret-file: missing; say --client-secret-file or BEARERD_CLIENT_SECRET",
            "--upstream: expected a URL that starts with https:// or http:// and names a host",
        ],
    ),
    "a variable that the shell left": (
        {**GOOD, "client-id": "$CLIENT_ID", "client-secret": "${CRM_SECRET}"},
        [
            "--client-id: it looks like a variable that the shell left as it is, as in single quotes, and none of that name is set",
            "--client-secret: the shell left the variable CRM_SECRET as it is; single quotes keep it so",
        ],
    ),
    "a place as a file says it": (
        {**GOOD, "client-secret": "file:secrets/crm"},
        ["--client-secret: it names a place; say --client-secret-file PATH"],
    ),
    "missing file": (
        {**GOOD, "client-secret": None, "client-secret-file": "nowhere"},
        ["--client-secret-file: secret file nowhere: No such file or directory"],
    ),
}


@pytest.mark.parametrize(("options", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_problem_names_the_flag(options: dict[str, str | None], expected: list[str]) -> None:
    """All problems come at once, each with the flag that repairs it."""
    with pytest.raises(SettingsError) as caught:
        load_single(options)

    assert [str(problem) for problem in caught.value.problems] == expected


@pytest.mark.parametrize(("flag", "name"), [("upstream", "BEARERD_UPSTREAM"), ("client-secret-file", "BEARERD_CLIENT_SECRET_FILE")])
def test_each_flag_has_a_variable(flag: str, name: str) -> None:
    """The variable's name follows from the flag's."""
    assert variable(flag) == name


def test_a_problem_names_the_variable_that_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no flag was typed, none is named."""
    monkeypatch.setenv("BEARERD_UPSTREAM", "ftp://api.example")
    with pytest.raises(SettingsError, match="BEARERD_UPSTREAM: expected a URL"):
        load_single({**GOOD, "upstream": "ftp://api.example"})


def test_a_warning_advises_what_flags_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for outgoing calls is said in a file alone, and the warning says so."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert any(text.endswith("is `egress: {proxy: ...}` in a configuration file") for text in load_single(GOOD).warnings)


def test_each_flag_has_a_key_in_a_file() -> None:
    """What a flag says can be said in a file, under a key of its struct."""
    routes, listeners = fields(Route), fields(Listener)
    credentials = fields(ClientCredentials)
    known = {
        *(f"routes[0].{name}" for name in routes),
        *(f"listeners[0].{name}" for name in listeners),
        *(f"credentials.ALIAS.{name}" for name in credentials),
        "admin.address",
    }
    assert [flag for flag in FLAGS if in_a_file(flag) not in known] == []
